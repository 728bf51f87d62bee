// Sends two commands with NestJS' ClientKafka and waits for their replies.
import 'reflect-metadata';
import { Inject, Injectable, Module, OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientKafka, ClientsModule, Transport } from '@nestjs/microservices';
import { lastValueFrom, timeout } from 'rxjs';

@Injectable()
export class Intake implements OnModuleInit {
  constructor(@Inject('INTAKE') private readonly kafka: ClientKafka) {}

  async onModuleInit() {
    this.kafka.subscribeToResponseOf('clients.commands'); // the topic clients.commands.reply
    await this.kafka.connect();
  }

  // Resolves with the reply, or fails with the error of a rejection.
  create(command: { workspaceId: string; [member: string]: unknown }) {
    const message = { key: command.workspaceId, value: command };
    return lastValueFrom(this.kafka.send('clients.commands', message).pipe(timeout(60_000)));
  }
}

@Module({
  imports: [
    ClientsModule.registerAsync([
      {
        name: 'INTAKE',
        useFactory: () => ({
          transport: Transport.KAFKA,
          options: {
            client: { brokers: [process.env.KAFKA ?? 'localhost:9092'], logLevel: 1 },
            // All instances have the same group, so each has partitions of its own.
            consumer: { groupId: 'example' },
            // Without it a new group may pass over a reply that comes before its first fetch.
            subscribe: { fromBeginning: true },
          },
        }),
      },
    ]),
  ],
  providers: [Intake],
})
export class IntakeModule {}

async function main() {
  const app = await NestFactory.createApplicationContext(IntakeModule, { logger: ['error'] });
  const intake = app.get(Intake);
  const ada = { commandId: 'nestjs-1', workspaceId: 'acme', givenName: 'Ada', familyName: 'Lovelace' };
  const created = await intake.create({ ...ada, email: 'ada.nestjs@example.com' });
  console.log(created.type, created.client.id);
  try {
    await intake.create({ ...ada, commandId: 'nestjs-2', email: 'ada at example.com' });
  } catch (error) {
    console.log('failed:', error.code, error.message);
    for (const { path, code, message } of error.errors) console.log(path, code, message);
  }
  await app.close();
}

if (require.main === module)
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
