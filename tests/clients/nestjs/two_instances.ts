// Two instances of the example's module: each gets the replies to its own commands, in a partition of its own.
import { NestFactory } from '@nestjs/core';
import { ClientKafka } from '@nestjs/microservices';
import { Intake, IntakeModule } from './client';

const COMMANDS = 20;
const PATIENCE_MS = 120_000;
const REPLIES = 'clients.commands.reply';

async function eventually(what: string, holds: () => boolean) {
  const limit = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > limit) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// How many commands were created, of those that get a reply at all.
async function create(intake: Intake, name: string) {
  const replies = await Promise.all(
    Array.from({ length: COMMANDS }, (_, number) => {
      const commandId = `nestjs-${name}-${number}`;
      return intake.create({
        commandId,
        workspaceId: 'acme',
        givenName: 'Ada',
        familyName: name,
        email: `${commandId}@example.com`,
      });
    }),
  );
  return replies.filter(
    (reply, number) => reply.type === 'client.created' && reply.commandId === `nestjs-${name}-${number}`,
  ).length;
}

async function main() {
  const apps = [];
  for (let i = 0; i < 2; i++)
    apps.push(await NestFactory.createApplicationContext(IntakeModule, { logger: ['error'] }));
  const partition = (i: number) => (apps[i].get('INTAKE') as ClientKafka).getConsumerAssignments()[REPLIES];
  await eventually(
    'each instance has a partition of its own',
    () => partition(0) !== undefined && partition(1) !== undefined && partition(0) !== partition(1),
  );
  console.log('partitions', [partition(0), partition(1)].sort().join(' '));
  const created = await Promise.all(apps.map((app, i) => create(app.get(Intake), `instance-${i}`)));
  console.log('created', created.join(' '));
  await Promise.all(apps.map((app) => app.close()));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
