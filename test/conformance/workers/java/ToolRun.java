import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * One run of a tool as if it had the process for itself: its input and output, its classes, its
 * end. What it starts belongs to it, by the threads that inherit it.
 */
final class ToolRun {
  /** As the shell's `timeout` says it. */
  private static final int LATE = 124;
  private static final long HOOKS_MS = 3_000;
  private static final InheritableThreadLocal<ToolRun> CURRENT = new InheritableThreadLocal<>();

  final ByteArrayOutputStream output = new ByteArrayOutputStream();
  final ByteArrayInputStream input;
  private final List<Runnable> hooks = new CopyOnWriteArrayList<>();
  private volatile Ended ended;
  private volatile int code;
  private int hooksAt;

  ToolRun(byte[] input) {
    this.input = new ByteArrayInputStream(input);
  }

  /** The tool wants to end the process. */
  @SuppressWarnings("serial")
  private static final class Ended extends Error {
    final int code;
    final String written;

    Ended(int code, String written) {
      super(null, null, false, false);
      this.code = code;
      this.written = written;
    }
  }

  static ToolRun current() {
    return CURRENT.get();
  }

  void atExit(Runnable hook) {
    hooks.add(hook);
  }

  void exit(int code, String message) {
    if (message != null) System.out.println(message);
    // Some tools catch everything, and want to end once more.
    if (ended == null) ended = new Ended(code, output.toString(StandardCharsets.UTF_8));
    throw ended;
  }

  /** What it wrote until it wanted to end, and then by its hooks. */
  String written() {
    if (ended == null) return output.toString(StandardCharsets.UTF_8);
    byte[] all = output.toByteArray();
    return ended.written + new String(all, hooksAt, all.length - hooksAt, StandardCharsets.UTF_8);
  }

  /** Runs it to its end, or for that long: then it is interrupted, and its code is 124. */
  int main(String tool, List<String> arguments, long withinMs) throws InterruptedException {
    Thread main = start(tool, () -> callMain(tool, arguments));
    main.join(withinMs);
    boolean late = main.isAlive();
    hooksAt = output.size();
    // Producers are closed here.
    List<Thread> closing = hooks.stream().map(hook -> start(tool + " hook", hook)).toList();
    for (Thread hook : closing) hook.join(HOOKS_MS);
    main.interrupt();
    closing.forEach(Thread::interrupt);
    return late ? LATE : code;
  }

  private Thread start(String name, Runnable body) {
    var thread =
        new Thread(
            () -> {
              CURRENT.set(this);
              body.run();
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private void callMain(String tool, List<String> arguments) {
    var classes = new OwnClasses(ToolRun.class.getClassLoader());
    Thread.currentThread().setContextClassLoader(classes);
    try {
      classes
          .loadClass(tool)
          .getMethod("main", String[].class)
          .invoke(null, (Object) arguments.toArray(String[]::new));
      if (ended != null) code = ended.code;
    } catch (InvocationTargetException error) {
      code = ended == null ? 1 : ended.code;
      if (ended == null) error.getCause().printStackTrace();
    } catch (ReflectiveOperationException error) {
      code = 1;
      error.printStackTrace();
    }
  }

  /** Tools count in static fields, and a latch that was opened stays open: they run once per class. */
  private static final class OwnClasses extends ClassLoader {
    private static final String TOOLS = "org.apache.kafka.tools.";

    OwnClasses(ClassLoader parent) {
      super(parent);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith(TOOLS)) return super.loadClass(name, resolve);
      synchronized (getClassLoadingLock(name)) {
        Class<?> known = findLoadedClass(name);
        return known == null ? define(name) : known;
      }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
      try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (in == null) throw new ClassNotFoundException(name);
        byte[] bytes = in.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException error) {
        throw new ClassNotFoundException(name, error);
      }
    }
  }
}
