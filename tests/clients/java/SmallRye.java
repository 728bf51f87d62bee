// Sends two commands with the headers of SmallRye's KafkaRequestReply (Quarkus) and waits for their replies.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

class SmallRye {
    static final String COMMANDS = "clients.commands";
    static final String REPLIES = "clients.commands-replies"; // SmallRye's default; replies.allowed must list it
    static final int PARTITION = 2; // of the replies to this instance
    static final Duration PATIENCE = Duration.ofSeconds(60);
    static final ObjectMapper JSON = new ObjectMapper();

    final KafkaProducer<String, String> producer;
    final KafkaConsumer<String, String> consumer;

    SmallRye(String kafka) {
        producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", kafka), new StringSerializer(), new StringSerializer());
        consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", kafka, "isolation.level", "read_committed"),
                new StringDeserializer(), new StringDeserializer());
        var own = new TopicPartition(REPLIES, PARTITION);
        consumer.assign(List.of(own));
        consumer.seekToEnd(List.of(own));
        consumer.position(own); // finds the end now, before the first command
    }

    JsonNode request(String id, String email) throws Exception {
        String correlation = UUID.randomUUID().toString();
        // The members keep their order, so that a command that is sent again has the same bytes.
        var command = new ProducerRecord<>(COMMANDS, "acme", JSON.createObjectNode().put("commandId", id)
                .put("workspaceId", "acme").put("givenName", "Ada").put("familyName", "Lovelace")
                .put("email", email).toString());
        command.headers().add("REPLY_CORRELATION_ID", correlation.getBytes(StandardCharsets.UTF_8));
        command.headers().add("REPLY_TOPIC", REPLIES.getBytes(StandardCharsets.UTF_8));
        command.headers().add("REPLY_PARTITION", ByteBuffer.allocate(4).putInt(PARTITION).array());
        producer.send(command).get();
        for (long end = System.nanoTime() + PATIENCE.toNanos(); System.nanoTime() < end;)
            for (ConsumerRecord<String, String> reply : consumer.poll(Duration.ofSeconds(1))) {
                var header = reply.headers().lastHeader("REPLY_CORRELATION_ID");
                if (header != null && correlation.equals(new String(header.value(), StandardCharsets.UTF_8)))
                    return JSON.readTree(reply.value());
            }
        throw new IllegalStateException("no reply to " + id);
    }

    public static void main(String[] args) throws Exception {
        var intake = new SmallRye(System.getenv().getOrDefault("KAFKA", "localhost:9092"));
        JsonNode created = intake.request("smallrye-1", "ada.smallrye@example.com");
        System.out.println(created.get("type").asText() + " " + created.get("client").get("id").asText());

        JsonNode rejected = intake.request("smallrye-2", "ada at example.com");
        System.out.println(rejected.get("type").asText() + " " + rejected.get("error").get("code").asText());
        for (JsonNode error : rejected.get("error").get("errors"))
            System.out.println(error.get("path").asText() + " " + error.get("code").asText());
        intake.producer.close();
        intake.consumer.close();
    }
}
