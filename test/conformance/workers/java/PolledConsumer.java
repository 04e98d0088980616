import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A consumer may be used by one thread alone: this one polls, and does what others ask for. */
final class PolledConsumer extends Thread implements ConsumerRebalanceListener {
  /** What another thread wants done. */
  interface Task {
    void with(KafkaConsumer<byte[], byte[]> consumer);
  }

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private final List<Map<String, Object>> records = new ArrayList<>();
  private final List<Map<String, Object>> history = new ArrayList<>();
  private Map<String, TreeSet<Integer>> partitions = new TreeMap<>();
  private RuntimeException failure;
  private volatile boolean closed;

  PolledConsumer(KafkaConsumer<byte[], byte[]> consumer) {
    super("poll");
    setDaemon(true);
    this.consumer = consumer;
  }

  @Override
  public void run() {
    while (!closed) {
      for (Runnable task; (task = tasks.poll()) != null; ) task.run();
      try {
        var polled = consumer.poll(Duration.ofMillis(50));
        synchronized (this) {
          polled.forEach(this::add);
          notifyAll();
        }
      } catch (RuntimeException error) {
        fail(error);
        // It could go on, but who checks is told of the first failure.
        break;
      }
    }
    while (!closed) {
      for (Runnable task; (task = tasks.poll()) != null; ) task.run();
      try {
        Thread.sleep(20);
      } catch (InterruptedException error) {
        return;
      }
    }
    consumer.close(Duration.ofSeconds(5));
  }

  private synchronized void fail(RuntimeException error) {
    failure = error;
    notifyAll();
  }

  private void add(ConsumerRecord<byte[], byte[]> record) {
    var received = new HashMap<String, Object>();
    received.put("topic", record.topic());
    received.put("partition", record.partition());
    received.put("offset", record.offset());
    received.put("timestamp", record.timestamp());
    received.put("key", Lines.bytes(record.key()));
    received.put("value", Lines.bytes(record.value()));
    var headers = new ArrayList<List<Object>>();
    record
        .headers()
        .forEach(
            header -> {
              var pair = new ArrayList<Object>();
              pair.add(header.key());
              pair.add(Lines.bytes(header.value()));
              headers.add(pair);
            });
    received.put("headers", headers);
    records.add(received);
  }

  synchronized List<Map<String, Object>> receive(int count, long withinMs) throws Exception {
    long deadline = System.currentTimeMillis() + withinMs;
    for (long left = withinMs; records.size() < count && failure == null && left > 0; ) {
      wait(left);
      left = deadline - System.currentTimeMillis();
    }
    if (failure != null) throw failure;
    var taken = new ArrayList<>(records);
    records.clear();
    return taken;
  }

  synchronized void forget() {
    records.clear();
  }

  synchronized Map<String, Object> assignment() {
    return Map.of("partitions", new TreeMap<>(partitions), "history", new ArrayList<>(history));
  }

  Object run(Task task) throws Exception {
    var done = new CompletableFuture<Void>();
    tasks.add(
        () -> {
          try {
            task.with(consumer);
            done.complete(null);
          } catch (Throwable error) {
            done.completeExceptionally(error);
          }
        });
    done.get();
    return null;
  }

  void close() throws InterruptedException {
    closed = true;
    join(8_000);
  }

  @Override
  public synchronized void onPartitionsAssigned(Collection<TopicPartition> given) {
    note("assigned", given);
  }

  @Override
  public synchronized void onPartitionsRevoked(Collection<TopicPartition> taken) {
    note("revoked", taken);
  }

  private void note(String event, Collection<TopicPartition> changed) {
    var numbers = changed.stream().map(TopicPartition::partition).sorted().toList();
    if (event.equals("assigned") || !numbers.isEmpty()) {
      history.add(Map.of("event", event, "partitions", numbers));
    }
    var now = new TreeMap<String, TreeSet<Integer>>();
    partitions.forEach((topic, numbersOf) -> now.put(topic, new TreeSet<>(numbersOf)));
    for (TopicPartition each : changed) {
      var own = now.computeIfAbsent(each.topic(), topic -> new TreeSet<>());
      if (event.equals("assigned")) own.add(each.partition());
      else own.remove(each.partition());
    }
    partitions = now;
  }
}
