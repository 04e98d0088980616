import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consumers, each polled by a thread of its own. */
final class Consumers {
  private static final Map<String, PolledConsumer> OPEN = new ConcurrentHashMap<>();

  private Consumers() {}

  static void register(Lines lines, String[] addresses) {
    lines.on("openConsumer", args -> open(args, addresses));
    lines.on(
        "receive",
        args -> {
          var records = of(args).receive(args.get("count").asInt(), args.get("withinMs").asLong());
          return Map.of("records", records);
        });
    lines.on("assignment", args -> of(args).assignment());
    lines.on(
        "commitOffsets",
        args ->
            of(args).run(it -> it.commitSync(GroupAdmins.offsetsOf(args.get("offsets")))));
    lines.on(
        "seek",
        args ->
            of(args)
                .run(
                    it -> {
                      of(args).forget();
                      it.seek(Admins.partitionOf(args), args.get("offset").asLong());
                    }));
    lines.on("pause", args -> of(args).run(it -> it.pause(List.of(Admins.partitionOf(args)))));
    lines.on("resume", args -> of(args).run(it -> it.resume(List.of(Admins.partitionOf(args)))));
    lines.on(
        "closeConsumer",
        args -> {
          OPEN.remove(args.get("consumer").asText()).close();
          return null;
        });
  }

  private static PolledConsumer of(JsonNode args) {
    PolledConsumer consumer = OPEN.get(args.get("consumer").asText());
    if (consumer == null) throw new IllegalStateException("not open");
    return consumer;
  }

  private static Object open(JsonNode args, String[] addresses) {
    var properties = Worker.connect(args, addresses);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", args.path("reset").asText("earliest"));
    properties.put("isolation.level", args.path("isolation").asText("read_uncommitted"));
    properties.put("fetch.max.wait.ms", "200");
    properties.put("heartbeat.interval.ms", "200");
    properties.put("session.timeout.ms", args.path("sessionTimeoutMs").asText("10000"));
    properties.put("metadata.max.age.ms", "2000");
    if (Lines.has(args, "group")) properties.put("group.id", args.get("group").asText());
    if (Lines.has(args, "instanceId")) {
      properties.put("group.instance.id", args.get("instanceId").asText());
    }
    properties.put("partition.assignment.strategy", assignorOf(args.path("strategy").asText("")));
    var consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    var polled = new PolledConsumer(consumer);
    if (Lines.has(args, "topics")) {
      var topics = new ArrayList<String>();
      args.get("topics").forEach(topic -> topics.add(topic.asText()));
      consumer.subscribe(topics, polled);
    } else {
      assign(consumer, args.get("assign"));
    }
    OPEN.put(args.get("consumer").asText(), polled);
    polled.start();
    return null;
  }

  private static void assign(KafkaConsumer<byte[], byte[]> consumer, JsonNode assigned) {
    var partitions = new ArrayList<TopicPartition>();
    assigned.forEach(each -> partitions.add(Admins.partitionOf(each)));
    consumer.assign(partitions);
    for (JsonNode each : assigned) {
      JsonNode from = each.get("from");
      var partition = List.of(Admins.partitionOf(each));
      if (from.isNumber()) consumer.seek(partition.get(0), from.asLong());
      else if (from.asText().equals("earliest")) consumer.seekToBeginning(partition);
      else consumer.seekToEnd(partition);
    }
  }

  private static String assignorOf(String strategy) {
    return switch (strategy) {
      case "roundrobin" -> RoundRobinAssignor.class.getName();
      case "cooperative-sticky" -> CooperativeStickyAssignor.class.getName();
      default -> RangeAssignor.class.getName();
    };
  }
}
