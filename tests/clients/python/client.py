"""Sends two commands as CloudEvents, in binary and in structured mode, and waits for their replies."""

import os
import sys
import time
import uuid

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer, Producer, TopicPartition

COMMANDS = "clients.commands"
REPLIES = "python.reply"  # replies.allowed must list it
PATIENCE_S = 60

kafka = {"bootstrap.servers": os.environ.get("KAFKA", "localhost:9092")}
producer = Producer(kafka)
# No group: this process reads all partitions from where they end now, and takes the replies that are its own.
consumer = Consumer({**kafka, "group.id": "none", "enable.auto.commit": False})
partitions = [TopicPartition(REPLIES, number) for number in consumer.list_topics(REPLIES).topics[REPLIES].partitions]
if not partitions:
    sys.exit(f"there is no topic {REPLIES}")
for partition in partitions:
    partition.offset = consumer.get_watermark_offsets(partition)[1]
consumer.assign(partitions)


def request(message: KafkaMessage) -> CloudEvent:
    """Sends a command and returns its reply, which is a CloudEvent, too."""
    correlation = uuid.uuid4().bytes
    headers = {**message.headers, "reply-topic": REPLIES.encode(), "correlation-id": correlation}
    producer.produce(COMMANDS, key=message.key, value=message.value, headers=list(headers.items()))
    producer.flush()
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        reply = consumer.poll(1)
        if reply is None or reply.error():
            continue
        headers = dict(reply.headers() or [])
        if headers.pop("correlation-id", None) == correlation:
            return from_binary(KafkaMessage(headers, reply.key(), reply.value()), JSONFormat(), CloudEvent)
    sys.exit("no reply")


def command(number: int, email: str) -> CloudEvent:
    attributes = {
        "id": f"python-{number}",  # the command's id
        "type": "create-client",
        "source": "/crm",
        "workspaceid": "acme",
        "partitionkey": "acme",
    }
    return CloudEvent(attributes, {"givenName": "Ada", "familyName": "Lovelace", "email": email})


reply = request(to_binary(command(1, "ada.python@example.com"), JSONFormat()))
print(reply.get_type(), reply.get_subject())

reply = request(to_structured(command(2, "ada at example.com"), JSONFormat()))
print(reply.get_type(), reply.get_data()["error"]["code"])
for error in reply.get_data()["error"]["errors"]:
    print(error["path"], error["code"], error["message"])
consumer.close()
