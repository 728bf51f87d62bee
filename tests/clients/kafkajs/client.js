// Sends two commands with kafkajs and waits for their replies.
const { randomUUID } = require('node:crypto');
const { Kafka, Partitioners, logLevel } = require('kafkajs');

const COMMANDS = 'clients.commands';
const REPLIES = 'kafkajs.reply'; // replies.allowed must list it
const PATIENCE_MS = 60_000;

const kafka = new Kafka({
  brokers: [process.env.KAFKA ?? 'localhost:9092'],
  logLevel: logLevel.ERROR,
});
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
// Each process reads all replies and takes its own, so each has a group of its own.
const consumer = kafka.consumer({ groupId: `example-${randomUUID()}` });
const waiting = new Map(); // by correlation id: what takes the reply

async function start() {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(REPLIES);
  await admin.disconnect();

  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: [REPLIES] });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const id = message.headers.kafka_correlationId?.toString();
      waiting.get(id)?.(JSON.parse(message.value.toString()));
    },
  });
  // From here on, however soon a reply comes.
  for (const { partition, high } of ends) consumer.seek({ topic: REPLIES, partition, offset: high });
}

// Resolves with the reply.
function createClient(command) {
  const id = randomUUID();
  const reply = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no reply to ${command.commandId}`)), PATIENCE_MS);
    waiting.set(id, (value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
  const sent = producer.send({
    topic: COMMANDS,
    messages: [
      {
        key: command.workspaceId,
        value: JSON.stringify(command),
        headers: { kafka_correlationId: id, kafka_replyTopic: REPLIES },
      },
    ],
  });
  return Promise.all([reply, sent])
    .then(([value]) => value)
    .finally(() => waiting.delete(id));
}

async function main() {
  await start();
  const ada = { commandId: 'kafkajs-1', workspaceId: 'acme', givenName: 'Ada', familyName: 'Lovelace' };
  const created = await createClient({ ...ada, email: 'ada.kafkajs@example.com' });
  console.log(created.type, created.client.id);

  const rejected = await createClient({ ...ada, commandId: 'kafkajs-2', email: 'ada at example.com' });
  console.log(rejected.type, rejected.error.code);
  for (const { path, code, message } of rejected.error.errors) console.log(path, code, message);

  await consumer.disconnect();
  await producer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
