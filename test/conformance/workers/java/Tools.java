import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.common.utils.Exit;

/** Runs the console tools of Kafka by their main classes, one after the other, in one JVM. */
public final class Tools {
  private static ByteArrayOutputStream output = new ByteArrayOutputStream();
  /** How the tool that runs wanted to end first, and what it had written by then. */
  private static Ended ended;

  private Tools() {}

  /** A tool wants to end the process. */
  private static final class Ended extends Error {
    final int code;
    final String written;

    Ended(int code, String written) {
      super(null, null, false, false);
      this.code = code;
      this.written = written;
    }
  }

  public static void main(String[] ignored) throws Exception {
    var lines = new Lines();
    lines.on("run", Tools::run);
    // Tools write to both, and logging keeps what it finds when it starts.
    var captured = new PrintStream(new Switched(), true, StandardCharsets.UTF_8);
    System.setOut(captured);
    System.setErr(captured);
    Exit.setExitProcedure(
        (code, message) -> {
          if (message != null) System.out.println(message);
          // Some tools catch everything, and want to end once more.
          if (ended == null) ended = new Ended(code, output.toString(StandardCharsets.UTF_8));
          throw ended;
        });
    lines.serve("console tools " + AppInfoParser.getVersion() + " (Java)", List.of());
  }

  private static synchronized Object run(JsonNode args) throws Exception {
    output = new ByteArrayOutputStream();
    var arguments = new ArrayList<String>();
    args.get("args").forEach(argument -> arguments.add(argument.asText()));
    System.setIn(
        new ByteArrayInputStream(args.path("input").asText("").getBytes(StandardCharsets.UTF_8)));
    ended = null;
    int code = 0;
    try {
      Class.forName(args.get("tool").asText())
          .getMethod("main", String[].class)
          .invoke(null, (Object) arguments.toArray(String[]::new));
    } catch (InvocationTargetException error) {
      if (ended == null) {
        code = 1;
        error.getCause().printStackTrace();
      }
    }
    String written = ended == null ? output.toString(StandardCharsets.UTF_8) : ended.written;
    if (ended != null) code = ended.code;
    return Map.of("code", code, "output", written, "codes", codesOf(written));
  }

  /** Tools write exceptions where the protocol has names. */
  private static List<String> codesOf(String written) {
    var codes = new ArrayList<String>();
    for (Errors each : Errors.values()) {
      if (each.exception() == null || each == Errors.UNKNOWN_SERVER_ERROR) continue;
      String exception = each.exception().getClass().getName();
      if (written.contains(exception + ":") || written.contains(each.message())) {
        codes.add(each.name());
      }
    }
    return codes;
  }

  private static final class Switched extends OutputStream {
    @Override
    public void write(int each) {
      output.write(each);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      output.write(bytes, from, length);
    }
  }
}
