import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** The cluster, topics and configs by the Admin client. */
final class Admins {
  private Admins() {}

  /** What is done with an Admin client. */
  interface Use {
    Object by(Admin admin) throws Exception;
  }

  static Object with(JsonNode connection, String[] addresses, Use use) throws Exception {
    try (Admin admin = Admin.create(Worker.connect(connection, addresses))) {
      return use.by(admin);
    }
  }

  static void register(Lines lines, String[] addresses) {
    lines.on("describeCluster", args -> with(args, addresses, Admins::describeCluster));
    lines.on(
        "listTopics",
        args -> with(args, addresses, it -> Map.of("topics", it.listTopics().names().get())));
    lines.on("createTopic", args -> with(args, addresses, it -> createTopic(it, args)));
    lines.on(
        "deleteTopic",
        args -> with(args, addresses, it -> it.deleteTopics(List.of(topicOf(args))).all().get()));
    lines.on("describeTopic", args -> with(args, addresses, it -> describeTopic(it, args)));
    lines.on("createPartitions", args -> with(args, addresses, it -> createPartitions(it, args)));
    lines.on("deleteRecords", args -> with(args, addresses, it -> deleteRecords(it, args)));
    lines.on("listOffset", args -> with(args, addresses, it -> listOffset(it, args)));
    lines.on("describeConfigs", args -> with(args, addresses, it -> describeConfigs(it, args)));
    lines.on("incrementalAlterConfigs", args -> with(args, addresses, it -> alterConfigs(it, args)));
  }

  static String topicOf(JsonNode args) {
    return args.get("topic").asText();
  }

  static TopicPartition partitionOf(JsonNode args) {
    return new TopicPartition(topicOf(args), args.get("partition").asInt());
  }

  private static Object describeCluster(Admin it) throws Exception {
    var cluster = it.describeCluster();
    return Map.of(
        "nodes", cluster.nodes().get().size(), "controller", cluster.controller().get() != null);
  }

  private static Object createTopic(Admin it, JsonNode args) throws Exception {
    Optional<Integer> partitions =
        Lines.has(args, "partitions")
            ? Optional.of(args.get("partitions").asInt())
            : Optional.empty();
    short copies = (short) args.path("replicationFactor").asInt(1);
    var topic = new NewTopic(topicOf(args), partitions, Optional.of(copies));
    var configs = new TreeMap<String, String>();
    args.path("configs").properties().forEach(e -> configs.put(e.getKey(), e.getValue().asText()));
    topic.configs(configs);
    var options = new CreateTopicsOptions().validateOnly(args.path("validateOnly").asBoolean());
    it.createTopics(List.of(topic), options).all().get();
    return null;
  }

  private static Object describeTopic(Admin it, JsonNode args) throws Exception {
    var topic = it.describeTopics(List.of(topicOf(args))).allTopicNames().get().get(topicOf(args));
    var partitions = topic.partitions();
    return Map.of("partitions", partitions.size(), "replicas", partitions.get(0).replicas().size());
  }

  private static Object createPartitions(Admin it, JsonNode args) throws Exception {
    var total = NewPartitions.increaseTo(args.get("total").asInt());
    it.createPartitions(Map.of(topicOf(args), total)).all().get();
    return null;
  }

  private static Object deleteRecords(Admin it, JsonNode args) throws Exception {
    var before = RecordsToDelete.beforeOffset(args.get("before").asLong());
    it.deleteRecords(Map.of(partitionOf(args), before)).all().get();
    return null;
  }

  private static Object listOffset(Admin it, JsonNode args) throws Exception {
    JsonNode at = args.get("at");
    OffsetSpec spec =
        at.isObject()
            ? OffsetSpec.forTimestamp(at.get("timestamp").asLong())
            : switch (at.asText()) {
              case "earliest" -> OffsetSpec.earliest();
              case "latest" -> OffsetSpec.latest();
              default -> OffsetSpec.maxTimestamp();
            };
    var isolation =
        args.path("isolation").asText().equals("read_committed")
            ? IsolationLevel.READ_COMMITTED
            : IsolationLevel.READ_UNCOMMITTED;
    long offset =
        it.listOffsets(Map.of(partitionOf(args), spec), new ListOffsetsOptions(isolation))
            .partitionResult(partitionOf(args))
            .get()
            .offset();
    var result = new TreeMap<String, Object>();
    result.put("offset", offset < 0 ? null : offset);
    return result;
  }

  private static Object describeConfigs(Admin it, JsonNode args) throws Exception {
    var type =
        args.get("type").asText().equals("topic")
            ? ConfigResource.Type.TOPIC
            : ConfigResource.Type.BROKER;
    var resource = new ConfigResource(type, args.get("name").asText());
    var configs = new TreeMap<String, Object>();
    for (ConfigEntry entry :
        it.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
      var config = new TreeMap<String, Object>();
      config.put("value", entry.value());
      config.put("isDefault", entry.isDefault());
      configs.put(entry.name(), config);
    }
    return Map.of("configs", configs);
  }

  private static Object alterConfigs(Admin it, JsonNode args) throws Exception {
    var changes = new ArrayList<AlterConfigOp>();
    args.path("set")
        .properties()
        .forEach(
            e ->
                changes.add(
                    new AlterConfigOp(
                        new ConfigEntry(e.getKey(), e.getValue().asText()),
                        AlterConfigOp.OpType.SET)));
    args.path("unset")
        .forEach(
            name ->
                changes.add(
                    new AlterConfigOp(
                        new ConfigEntry(name.asText(), null), AlterConfigOp.OpType.DELETE)));
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, topicOf(args));
    it.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    return null;
  }
}
