import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Asks for payments: Produce DEBTOR CREDITOR CURRENCY COUNT PREFIX
 *
 * <p>Payment 1 has the id PREFIX-1 and moves 1 minor unit, payment 2 moves 2, and so on. Run it again with the same
 * arguments, and nothing moves twice: an id has one outcome for ever.
 */
public final class Produce {
    private static Properties settings() {
        var settings = new Properties();
        // As `giro status kafka` tells it. docs/clients.md says which settings Amazon MSK needs beside it.
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
        // Without acks of all replicas, a request may be lost after it was acknowledged.
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        // The client's own retries neither double nor reorder records.
        settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, System.getenv().getOrDefault("COMPRESSION", "zstd"));
        return settings;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 5) {
            System.err.println("usage: Produce DEBTOR CREDITOR CURRENCY COUNT PREFIX");
            System.exit(2);
        }
        var debtor = arguments[0];
        var count = Integer.parseInt(arguments[3]);
        var topic = System.getenv().getOrDefault("REQUESTS_TOPIC", "payment-requests");
        var json = new ObjectMapper();
        var sent = new ArrayList<Future<RecordMetadata>>();
        try (var producer = new KafkaProducer<>(settings(), new StringSerializer(), new StringSerializer())) {
            for (var number = 1; number <= count; number++) {
                var request = Map.of(
                        // From the order, say, and never random in the loop: whoever tries again must give the same id.
                        "payment_id", arguments[4] + "-" + number,
                        "debtor_account", debtor,
                        "creditor_account", arguments[1],
                        // Whole minor units: 500 of EUR is 5.00.
                        "amount", number,
                        "currency", arguments[2]);
                // The key is the debtor's account, so that its requests are decided in their order.
                sent.add(producer.send(new ProducerRecord<>(topic, debtor, json.writeValueAsString(request))));
            }
            // Only what the broker has acknowledged is asked for.
            for (var record : sent) {
                record.get();
            }
        } catch (ExecutionException error) {
            System.err.println("a request was not acknowledged: " + error.getCause().getMessage() + ": run it again");
            System.exit(1);
        }
        System.out.println("asked for " + count + " payments");
    }
}
