import com.fasterxml.jackson.databind.JsonNode;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.common.utils.Exit;

/** Runs the console tools of Kafka by their main classes, several at a time, in one JVM. */
public final class Tools {
  private Tools() {}

  public static void main(String[] ignored) throws Exception {
    var lines = new Lines();
    lines.on("run", Tools::run);
    // Tools write to both, and logging keeps what it finds when it starts.
    var captured = new PrintStream(new OutputOfTool(), true, StandardCharsets.UTF_8);
    System.setOut(captured);
    System.setErr(captured);
    Exit.setExitProcedure((code, message) -> ToolRun.current().exit(code, message));
    Exit.setHaltProcedure((code, message) -> ToolRun.current().exit(code, message));
    Exit.setShutdownHookAdder((name, hook) -> ToolRun.current().atExit(hook));
    InputStream requests = System.in;
    System.setIn(new InputOfTool());
    String client = "console tools " + AppInfoParser.getVersion() + " (Java)";
    lines.serve(client, List.of(), requests);
  }

  private static Object run(JsonNode args) throws Exception {
    var arguments = new ArrayList<String>();
    args.get("args").forEach(argument -> arguments.add(argument.asText()));
    var run = new ToolRun(args.path("input").asText("").getBytes(StandardCharsets.UTF_8));
    int code = run.main(args.get("tool").asText(), arguments, args.get("withinMs").asLong());
    String written = run.written();
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

  /** Standard output of whichever tool the calling thread belongs to. */
  private static final class OutputOfTool extends OutputStream {
    @Override
    public void write(int each) {
      ToolRun run = ToolRun.current();
      if (run != null) run.output.write(each);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      ToolRun run = ToolRun.current();
      if (run != null) run.output.write(bytes, from, length);
    }
  }

  /** Standard input of whichever tool the calling thread belongs to. */
  private static final class InputOfTool extends InputStream {
    @Override
    public int read() {
      ToolRun run = ToolRun.current();
      return run == null ? -1 : run.input.read();
    }

    @Override
    public int read(byte[] bytes, int from, int length) {
      ToolRun run = ToolRun.current();
      return run == null ? -1 : run.input.read(bytes, from, length);
    }
  }
}
