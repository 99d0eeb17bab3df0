// Does to a consumer group and a topic what mistakes do, for the test of `giro doctor`. Java compiles it as it starts:
//
//   java -cp 'LIBS/*' Groups.java BROKERS behind GROUP TOPIC     the group's offset falls behind the oldest record of a partition;
//                                                                prints the partition, and the offset of before
//   java -cp 'LIBS/*' Groups.java BROKERS at GROUP TOPIC PARTITION OFFSET
//   java -cp 'LIBS/*' Groups.java BROKERS config TOPIC NAME VALUE
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

class Groups {
    public static void main(String[] arguments) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            switch (arguments[1]) {
                case "behind" -> behind(admin, arguments[2], arguments[3]);
                case "at" -> at(admin, arguments[2], new TopicPartition(arguments[3], Integer.parseInt(arguments[4])), Long.parseLong(arguments[5]));
                case "config" -> config(admin, arguments[2], arguments[3], arguments[4]);
                default -> throw new IllegalArgumentException(arguments[1]);
            }
        }
    }

    static void behind(Admin admin, String group, String topic) throws Exception {
        var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        for (var entry : committed.entrySet()) {
            if (entry.getKey().topic().equals(topic) && entry.getValue().offset() > 0) {
                at(admin, group, entry.getKey(), 0);
                admin.deleteRecords(Map.of(entry.getKey(), RecordsToDelete.beforeOffset(1))).all().get();
                System.out.println(entry.getKey().partition() + " " + entry.getValue().offset());
                return;
            }
        }
        throw new IllegalStateException(group + " has read nothing of " + topic);
    }

    static void at(Admin admin, String group, TopicPartition partition, long offset) throws Exception {
        admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(offset))).all().get();
    }

    static void config(Admin admin, String topic, String name, String value) throws Exception {
        var change = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic), List.of(change))).all().get();
    }
}
