import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.utils.AppInfoParser;

/** The Java client of Apache Kafka behind the port. Arguments: the plain and the SASL address. */
public final class Worker {
  private Worker() {}

  public static void main(String[] addresses) throws Exception {
    var lines = new Lines();
    Admins.register(lines, addresses);
    GroupAdmins.register(lines, addresses);
    Producers.register(lines, addresses);
    Consumers.register(lines, addresses);
    lines.serve(
        "kafka-clients " + AppInfoParser.getVersion() + " (Java)",
        List.of(
            "codec:none", "codec:gzip", "codec:snappy", "codec:lz4", "codec:zstd",
            "strategy:range", "strategy:roundrobin", "strategy:cooperative-sticky",
            "login:PLAIN", "login:SCRAM-SHA-256", "login:SCRAM-SHA-512",
            "acks:0", "sent-positions", "idempotent", "headers", "free-headers", "timestamps", "time-span", "append-time", "aborts", "tells-revocation", "transaction-timeout", "stays-joined", "tells-fencing",
            "null-values", "empty-bytes", "binary", "murmur2", "static-member", "assign",
            "reset:none", "read_committed", "offset-metadata", "validate-only", "max-timestamp",
            "listOffset:isolation", "session-timeout", "is-default", "member-assignment"));
  }

  /** What every client of a connection needs to be told. */
  static Properties connect(JsonNode connection, String[] addresses) {
    boolean sasl = connection.path("listener").asText("plain").equals("sasl");
    var properties = new Properties();
    properties.put("bootstrap.servers", addresses[sasl ? 1 : 0]);
    properties.put("client.id", "conformance");
    properties.put("request.timeout.ms", "10000");
    properties.put("default.api.timeout.ms", "12000");
    properties.put("reconnect.backoff.max.ms", "200");
    properties.put("retry.backoff.ms", "30");
    properties.put("retry.backoff.max.ms", "200");
    properties.put("enable.metrics.push", "false");
    JsonNode login = connection.path("login");
    if (login.isObject()) {
      String mechanism = login.get("mechanism").asText();
      String module =
          mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
      properties.put("security.protocol", "SASL_PLAINTEXT");
      properties.put("sasl.mechanism", mechanism);
      properties.put(
          "sasl.jaas.config",
          "org.apache.kafka.common.security."
              + module
              + " required username=\""
              + login.get("username").asText()
              + "\" password=\""
              + login.get("password").asText()
              + "\";");
    }
    return properties;
  }
}
