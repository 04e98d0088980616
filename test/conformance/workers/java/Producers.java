import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producers, transactional ones among them. */
final class Producers {
  private static final Map<String, KafkaProducer<byte[], byte[]>> OPEN = new ConcurrentHashMap<>();

  private Producers() {}

  static void register(Lines lines, String[] addresses) {
    lines.on("openProducer", args -> open(args, addresses));
    lines.on("send", Producers::send);
    lines.on("begin", args -> does(args, KafkaProducer::beginTransaction));
    lines.on("commitTransaction", args -> does(args, KafkaProducer::commitTransaction));
    lines.on("abortTransaction", args -> does(args, KafkaProducer::abortTransaction));
    lines.on(
        "sendOffsets",
        args ->
            does(
                args,
                it ->
                    it.sendOffsetsToTransaction(
                        GroupAdmins.offsetsOf(args.get("offsets")),
                        group(args))));
    lines.on("closeProducer", Producers::close);
  }

  @SuppressWarnings("removal")
  private static ConsumerGroupMetadata group(JsonNode args) {
    return new ConsumerGroupMetadata(args.get("group").asText());
  }

  private interface Use {
    void of(KafkaProducer<byte[], byte[]> producer);
  }

  private static Object does(JsonNode args, Use use) {
    use.of(OPEN.get(args.get("producer").asText()));
    return null;
  }

  private static Object open(JsonNode args, String[] addresses) {
    var properties = Worker.connect(args, addresses);
    properties.put("acks", String.valueOf(args.path("acks").asInt(-1)));
    properties.put("compression.type", args.path("codec").asText("none"));
    boolean transactional = Lines.has(args, "transactionalId");
    boolean idempotent = transactional || args.path("idempotent").asBoolean();
    properties.put("enable.idempotence", String.valueOf(idempotent));
    properties.put("max.block.ms", "6000");
    properties.put("delivery.timeout.ms", "10000");
    properties.put("request.timeout.ms", "8000");
    properties.put("linger.ms", "0");
    if (transactional) {
      properties.put("transactional.id", args.get("transactionalId").asText());
      int timeout = args.path("transactionTimeoutMs").asInt(60_000);
      properties.put("transaction.timeout.ms", String.valueOf(timeout));
      properties.put("delivery.timeout.ms", String.valueOf(Math.min(timeout, 10_000)));
      properties.put("request.timeout.ms", String.valueOf(Math.min(timeout, 8_000)));
    }
    var producer =
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    try {
      if (transactional) producer.initTransactions();
    } catch (RuntimeException error) {
      producer.close(Duration.ZERO);
      throw error;
    }
    OPEN.put(args.get("producer").asText(), producer);
    return null;
  }

  private static Object send(JsonNode args) throws Exception {
    var producer = OPEN.get(args.get("producer").asText());
    List<Future<RecordMetadata>> sending = new ArrayList<>();
    for (JsonNode record : args.get("records")) {
      var headers = new RecordHeaders();
      for (JsonNode header : record.get("headers")) {
        headers.add(header.get(0).asText(), Lines.bytes(header.get(1)));
      }
      sending.add(
          producer.send(
              new ProducerRecord<>(
                  Admins.topicOf(args),
                  Lines.has(record, "partition") ? record.get("partition").asInt() : null,
                  Lines.has(record, "timestamp") ? record.get("timestamp").asLong() : null,
                  Lines.bytes(record.get("key")),
                  Lines.bytes(record.get("value")),
                  headers)));
    }
    producer.flush();
    var sent = new ArrayList<Map<String, Object>>();
    for (Future<RecordMetadata> each : sending) {
      RecordMetadata where = each.get();
      var place = new TreeMap<String, Object>();
      place.put("partition", where.partition());
      place.put("offset", where.hasOffset() ? where.offset() : null);
      sent.add(place);
    }
    return Map.of("sent", sent);
  }

  private static Object close(JsonNode args) {
    OPEN.remove(args.get("producer").asText()).close(Duration.ofSeconds(5));
    return null;
  }
}
