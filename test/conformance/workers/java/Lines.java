import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.protocol.Errors;

/** Answers lines of JSON on standard input, all at the same time. */
final class Lines {
  /** One operation of the port. */
  interface Operation {
    Object call(JsonNode args) throws Exception;
  }

  static final ObjectMapper JSON = new ObjectMapper();
  private static final PrintStream OUT = System.out;

  private final Map<String, Operation> operations = new TreeMap<>();

  void on(String name, Operation operation) {
    operations.put(name, operation);
  }

  void serve(String client, List<String> features) throws Exception {
    serve(client, features, System.in);
  }

  void serve(String client, List<String> features, InputStream requests) throws Exception {
    // What libraries print must not be taken for an answer.
    System.setOut(System.err);
    ObjectNode hello = JSON.createObjectNode().put("client", client);
    var offers = hello.putArray("offers");
    operations.keySet().forEach(offers::add);
    features.forEach(offers::add);
    write(hello);
    ExecutorService executor = Executors.newCachedThreadPool();
    var in = new BufferedReader(new InputStreamReader(requests, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      JsonNode request = JSON.readTree(line);
      executor.execute(() -> answer(request));
    }
    // Clients that are left open end with the process.
    Runtime.getRuntime().halt(0);
  }

  private void answer(JsonNode request) {
    ObjectNode response = JSON.createObjectNode().put("id", request.get("id").asInt());
    try {
      Object result = operations.get(request.get("op").asText()).call(request.get("args"));
      response.set("ok", JSON.valueToTree(result == null ? Map.of() : result));
    } catch (Throwable error) {
      Throwable cause = causeOf(error);
      response
          .putObject("error")
          .put("code", codeOf(cause))
          .put("message", String.valueOf(cause.getMessage()));
    }
    write(response);
  }

  private static synchronized void write(ObjectNode line) {
    OUT.println(line);
    OUT.flush();
  }

  private static Throwable causeOf(Throwable error) {
    boolean wrapped =
        error instanceof ExecutionException || error.getClass().equals(KafkaException.class);
    return wrapped && error.getCause() != null ? causeOf(error.getCause()) : error;
  }

  /** The protocol's name of an exception, which the client made from a code of the protocol. */
  private static String codeOf(Throwable error) {
    if (error instanceof OffsetOutOfRangeException) return Errors.OFFSET_OUT_OF_RANGE.name();
    if (error instanceof NoOffsetForPartitionException) return "CLIENT:NO_OFFSET";
    if (error instanceof org.apache.kafka.common.errors.TimeoutException
        && String.valueOf(error.getMessage()).contains("not present in metadata")) {
      return Errors.UNKNOWN_TOPIC_OR_PARTITION.name();
    }
    Errors known = Errors.forException(error);
    if (known != Errors.UNKNOWN_SERVER_ERROR) return known.name();
    // Of some codes the client keeps the message alone.
    for (Errors each : Errors.values()) {
      boolean told = each.code() > 0 && String.valueOf(error.getMessage()).endsWith(each.message());
      if (told) return each.name();
    }
    return "CLIENT:" + error.getClass().getSimpleName();
  }

  static byte[] bytes(JsonNode node) {
    return node == null || node.isNull()
        ? null
        : Base64.getDecoder().decode(node.get("b64").asText());
  }

  static Map<String, String> bytes(byte[] bytes) {
    return bytes == null ? null : Map.of("b64", Base64.getEncoder().encodeToString(bytes));
  }

  static boolean has(JsonNode args, String name) {
    return args.hasNonNull(name);
  }
}
