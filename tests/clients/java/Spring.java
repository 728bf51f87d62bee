// Sends commands with Spring's ReplyingKafkaTemplate and waits for their replies.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.support.TopicPartitionOffset;

class Spring {
    static final String COMMANDS = "clients.commands";
    static final String REPLIES = "spring.reply"; // replies.allowed must list it
    static final Duration PATIENCE = Duration.ofSeconds(60);
    static final ObjectMapper JSON = new ObjectMapper();

    // What a rejection becomes for the caller.
    static class ClientRejected extends RuntimeException {
        final JsonNode error;

        ClientRejected(JsonNode error) {
            super(error.get("message").asText());
            this.error = error;
        }
    }

    // The replies of this instance come to one partition, which Spring names in each command.
    static ReplyingKafkaTemplate<String, String, String> template(int partition) {
        String kafka = System.getenv().getOrDefault("KAFKA", "localhost:9092");
        var producers = new DefaultKafkaProducerFactory<>(
                Map.<String, Object>of("bootstrap.servers", kafka), new StringSerializer(), new StringSerializer());
        var consumers = new DefaultKafkaConsumerFactory<>(
                Map.<String, Object>of("bootstrap.servers", kafka, "isolation.level", "read_committed"),
                new StringDeserializer(), new StringDeserializer());
        var own = new TopicPartitionOffset(REPLIES, partition, TopicPartitionOffset.SeekPosition.END);
        var properties = new ContainerProperties(own);
        properties.setPollTimeout(500); // waitForAssignment waits for one poll
        var container = new KafkaMessageListenerContainer<>(consumers, properties);
        var template = new ReplyingKafkaTemplate<>(producers, container);
        template.setReplyErrorChecker(Spring::rejection);
        template.setDefaultReplyTimeout(PATIENCE);
        return template;
    }

    static Exception rejection(ConsumerRecord<?, ?> reply) {
        String type = new String(reply.headers().lastHeader("ce_type").value(), StandardCharsets.UTF_8);
        try {
            return type.equals("client.rejected")
                    ? new ClientRejected(JSON.readTree((String) reply.value()).get("error")) : null;
        } catch (Exception notJson) {
            return notJson;
        }
    }

    // Returns the client; throws an ExecutionException whose cause is a ClientRejected.
    static JsonNode create(ReplyingKafkaTemplate<String, String, String> template, String id, String email)
            throws Exception {
        // The members keep their order, so that a command that is sent again has the same bytes.
        String command = JSON.createObjectNode().put("commandId", id).put("workspaceId", "acme")
                .put("givenName", "Ada").put("familyName", "Lovelace").put("email", email).toString();
        var reply = template.sendAndReceive(new ProducerRecord<>(COMMANDS, "acme", command));
        return JSON.readTree(reply.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).value()).get("client");
    }

    static void run(ReplyingKafkaTemplate<String, String, String> template, String name) throws Exception {
        template.afterPropertiesSet(); // a Spring application calls it
        template.start();
        try {
            if (!template.waitForAssignment(PATIENCE))
                throw new IllegalStateException("the partition of the replies was not assigned");
            System.out.println("created " + create(template, name + "-1", name + "@example.com").get("id").asText());
            create(template, name + "-2", "ada at example.com");
        } catch (ExecutionException failure) {
            if (!(failure.getCause() instanceof ClientRejected rejected))
                throw failure;
            System.out.println("rejected " + rejected.error.get("code").asText());
            for (JsonNode each : rejected.error.get("errors"))
                System.out.println(each.get("path").asText() + " " + each.get("code").asText());
        } finally {
            template.stop();
            template.destroy();
        }
    }

    public static void main(String[] args) throws Exception {
        run(template(0), "spring");

        // A correlation id is 16 bytes, or text where other readers of the topic want it.
        var withText = template(1);
        withText.setBinaryCorrelation(false);
        run(withText, "spring-text");
    }
}
