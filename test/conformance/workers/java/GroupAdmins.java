import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Groups and transactions by the Admin client. */
final class GroupAdmins {
  private GroupAdmins() {}

  static void register(Lines lines, String[] addresses) {
    lines.on("listGroups", args -> Admins.with(args, addresses, GroupAdmins::listGroups));
    lines.on("describeGroup", args -> Admins.with(args, addresses, it -> describe(it, args)));
    lines.on(
        "deleteGroup",
        args ->
            Admins.with(
                args, addresses, it -> it.deleteConsumerGroups(List.of(groupOf(args))).all().get()));
    lines.on("groupOffsets", args -> Admins.with(args, addresses, it -> offsets(it, args)));
    lines.on(
        "alterGroupOffsets",
        args ->
            Admins.with(
                args,
                addresses,
                it ->
                    it.alterConsumerGroupOffsets(groupOf(args), offsetsOf(args.get("offsets")))
                        .all()
                        .get()));
    lines.on(
        "listTransactions",
        args -> Admins.with(args, addresses, GroupAdmins::listTransactions));
    lines.on(
        "describeTransaction",
        args -> Admins.with(args, addresses, it -> describeTransaction(it, args)));
    lines.on("deleteGroupOffsets", args -> Admins.with(args, addresses, it -> forget(it, args)));
  }

  private static String groupOf(JsonNode args) {
    return args.get("group").asText();
  }

  static Map<TopicPartition, OffsetAndMetadata> offsetsOf(JsonNode offsets) {
    var result = new HashMap<TopicPartition, OffsetAndMetadata>();
    for (JsonNode each : offsets) {
      result.put(
          Admins.partitionOf(each),
          new OffsetAndMetadata(each.get("offset").asLong(), each.path("metadata").asText("")));
    }
    return result;
  }

  private static Object listGroups(Admin it) throws Exception {
    return Map.of(
        "groups", it.listGroups().all().get().stream().map(GroupListing::groupId).toList());
  }

  private static Object listTransactions(Admin it) throws Exception {
    var listed = it.listTransactions().all().get().stream();
    return Map.of("transactions", listed.map(TransactionListing::transactionalId).toList());
  }

  private static Object describeTransaction(Admin it, JsonNode args) throws Exception {
    String id = args.get("transactionalId").asText();
    var described = it.describeTransactions(List.of(id)).description(id).get();
    var partitions = described.topicPartitions().stream().map(TopicPartition::toString).toList();
    return Map.of("state", described.state().toString(), "partitions", partitions);
  }

  private static Object describe(Admin it, JsonNode args) throws Exception {
    var group = it.describeConsumerGroups(List.of(groupOf(args))).all().get().get(groupOf(args));
    var members = new ArrayList<Map<String, Object>>();
    for (var member : group.members()) {
      var assignment = new TreeMap<String, Set<Integer>>();
      for (TopicPartition each : member.assignment().topicPartitions()) {
        assignment.computeIfAbsent(each.topic(), topic -> new TreeSet<>()).add(each.partition());
      }
      var described = new TreeMap<String, Object>();
      described.put("clientId", member.clientId());
      described.put("instanceId", member.groupInstanceId().orElse(null));
      described.put("assignment", assignment);
      members.add(described);
    }
    return Map.of(
        "state",
        group.groupState().toString(),
        "protocol",
        group.partitionAssignor(),
        "members",
        members);
  }

  private static Object offsets(Admin it, JsonNode args) throws Exception {
    var committed =
        it.listConsumerGroupOffsets(groupOf(args)).partitionsToOffsetAndMetadata().get();
    var offsets = new ArrayList<Long>();
    var metadata = new ArrayList<String>();
    for (int partition = 0; partition < args.get("partitions").asInt(); partition++) {
      var each = committed.get(new TopicPartition(Admins.topicOf(args), partition));
      offsets.add(each == null ? null : (Long) each.offset());
      metadata.add(each == null ? null : each.metadata());
    }
    return Map.of("offsets", offsets, "metadata", metadata);
  }

  private static Object forget(Admin it, JsonNode args) throws Exception {
    var partitions = new HashSet<TopicPartition>();
    for (JsonNode partition : args.get("partitions")) {
      partitions.add(new TopicPartition(Admins.topicOf(args), partition.asInt()));
    }
    it.deleteConsumerGroupOffsets(groupOf(args), partitions).all().get();
    return null;
  }
}
