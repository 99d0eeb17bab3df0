import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Counts outcomes, each once: Consume STATE RECORDS
 *
 * <p>Reads so many records of the topic of outcomes, counts in the file STATE those that it hasn't counted, and prints
 * sums. Kafka delivers a record again after a crash, and Giro may publish one twice. STATE tells which are new.
 */
public final class Consume {
    /** Commits are for a short restart only, so they need not follow each record. */
    private static final Duration COMMIT =
            Duration.ofSeconds(Long.parseLong(System.getenv().getOrDefault("COMMIT_SECONDS", "5")));

    private static final ObjectMapper JSON = new ObjectMapper();

    /** What one outcome is, and its sum of each currency. */
    public record Counted(String event, String what, Map<String, BigInteger> sums) {}

    private static Properties settings() {
        var settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
        // The file has one writer. Several processes of one group need a database in its place.
        settings.put(ConsumerConfig.GROUP_ID_CONFIG, System.getenv().getOrDefault("CONSUMER_GROUP", "example-java"));
        // A group that is new reads all outcomes that the topic has.
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // This program commits, behind the file. A commit before it would lose outcomes in a crash.
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        // How soon others take over the partitions of a process that died.
        settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, "6000");
        settings.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, "2000");
        return settings;
    }

    /** Null if it is of a kind of a newer version: that is no payment. */
    private static Counted read(ConsumerRecord<String, String> record) throws IOException {
        var outcome = JSON.readTree(record.value());
        var kind = outcome.path("kind").asText("payment");
        if (!List.of("payment", "refund").contains(kind)) {
            return null;
        }
        // Records of old versions have no headers, and mean the same.
        var source = header(record, "ce_source", "/giro/payments");
        var id = header(record, "ce_id", outcome.path("payment_id").asText());
        var sums = new TreeMap<String, BigInteger>();
        for (JsonNode movement : outcome.has("legs") ? outcome.path("legs") : List.of(outcome)) {
            // A declined refund may tell no amount. Payments in XTS are those of the canary.
            var currency = movement.path("currency").asText("-");
            if (!currency.equals("XTS")) {
                sums.merge(currency, movement.path("amount").bigIntegerValue(), BigInteger::add);
            }
        }
        return new Counted(source + " " + id, kind + " " + outcome.path("status").asText(), sums);
    }

    private static String header(ConsumerRecord<?, ?> record, String name, String otherwise) {
        var header = record.headers().lastHeader(name);
        return header == null ? otherwise : new String(header.value(), StandardCharsets.UTF_8);
    }

    /** One line an outcome. A crash may leave a line without its end: its record comes again. */
    private static Map<String, Counted> load(Path state) throws IOException {
        var counted = new HashMap<String, Counted>();
        if (Files.exists(state)) {
            var text = Files.readString(state);
            var whole = text.substring(0, text.lastIndexOf('\n') + 1);
            try (var file = new RandomAccessFile(state.toFile(), "rw")) {
                file.setLength(whole.getBytes(StandardCharsets.UTF_8).length);
            }
            for (var line : whole.lines().toList()) {
                var one = JSON.readValue(line, Counted.class);
                counted.put(one.event(), one);
            }
        }
        return counted;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            System.err.println("usage: Consume STATE RECORDS");
            System.exit(2);
        }
        var counted = load(Path.of(arguments[0]));
        var left = Integer.parseInt(arguments[1]);
        try (var consumer = new KafkaConsumer<>(settings(), new StringDeserializer(), new StringDeserializer());
                var file = new FileOutputStream(arguments[0], true)) {
            consumer.subscribe(List.of(System.getenv().getOrDefault("OUTCOMES_TOPIC", "payment-outcomes")));
            var committedAt = System.nanoTime();
            while (left > 0) {
                var records = consumer.poll(Duration.ofSeconds(1));
                for (var record : records) {
                    var one = read(record);
                    if (one != null && counted.putIfAbsent(one.event(), one) == null) {
                        file.write((JSON.writeValueAsString(one) + "\n").getBytes(StandardCharsets.UTF_8));
                    }
                }
                left -= records.count();
                if (left <= 0 || System.nanoTime() - committedAt > COMMIT.toNanos()) {
                    // On disk before any offset is committed.
                    file.getFD().sync();
                    consumer.commitSync();
                    committedAt = System.nanoTime();
                }
            }
        }
        var totals = new TreeMap<String, BigInteger[]>();
        for (var one : counted.values()) {
            one.sums().forEach((currency, amount) -> totals.merge(
                    currency + " " + one.what(),
                    new BigInteger[] {BigInteger.ONE, amount},
                    (a, b) -> new BigInteger[] {a[0].add(b[0]), a[1].add(b[1])}));
        }
        totals.forEach((name, total) -> System.out.println(name + ": " + total[0] + ", in all " + total[1]));
    }
}
