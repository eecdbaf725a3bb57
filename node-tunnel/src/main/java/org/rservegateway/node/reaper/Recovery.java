package org.rservegateway.node.reaper;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.rservegateway.node.process.ProcessOwner;
import org.rservegateway.node.process.ProcessStat;
import org.rservegateway.node.process.ProcessTable;
import org.rservegateway.node.process.RProcess;
import org.rservegateway.node.process.SessionUsers;
import org.rservegateway.node.process.UserRange;
import org.rservegateway.node.workdir.SessionDirectories;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends what an earlier node-tunnel has left: what its journal tells of, and whatever runs as a
 * session's user. Of the reaper's thread only.
 */
final class Recovery {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private static final int MAX_LOOKS = 10;

  private final String nodeName;
  private final ProcessTable table;
  private final SessionUsers users;
  private final SessionDirectories directories;
  private final SessionJournal journal;
  private final EndedSessions ended;

  /**
   * A recovery, before any session is opened.
   *
   * @param ended gets the sessions whose processes may live
   */
  Recovery(
      String nodeName,
      ProcessTable table,
      SessionUsers users,
      SessionDirectories directories,
      SessionJournal journal,
      EndedSessions ended) {
    this.nodeName = nodeName;
    this.table = table;
    this.users = users;
    this.directories = directories;
    this.journal = journal;
    this.ended = ended;
  }

  /** Once done, all users that are not free are known. */
  void run() {
    recoverSessions();
    users.range().ifPresent(this::recoverUsers);
    directories.recover();
  }

  private void recoverSessions() {
    SessionJournal.Found found = journal.recover();
    found.ofThisBoot().forEach(r -> r.user().ifPresent(users::take));
    found.ofEarlierBoots().forEach(r -> r.user().ifPresent(users::take));
    for (RProcess r : found.ofThisBoot()) {
      ended.add(r, Ending.of(EndReason.LEFT_BEHIND), false);
    }
    for (RProcess r : found.ofEarlierBoots()) {
      journal.delete(r);
      directories.remove(r);
    }
  }

  /**
   * What no journal tells of: a session that was opened right before its node-tunnel was killed.
   */
  private void recoverUsers(UserRange range) {
    Map<Long, Path> left = directories.ofUsers();
    left.keySet().removeIf(user -> !range.contains(user)); // another node-tunnel's
    boolean complete = false;
    for (int i = 0; i < MAX_LOOKS && !complete; i++) {
      complete = table.showAll(id -> recoverUserOf(id, range, left));
    }
    if (!complete) {
      log.warn("{}: processes start faster than they can be looked at; some may be left", nodeName);
    }
    left.forEach(
        (user, directory) -> {
          if (users.take(user)) {
            directories.remove(
                new RProcess(0, 0, 0, "", directory.toString(), "", OptionalLong.of(user)));
          }
        });
  }

  private void recoverUserOf(long id, UserRange range, Map<Long, Path> left) {
    Optional<ProcessOwner> owner = table.owner(id).filter(found -> range.contains(found.user()));
    Optional<ProcessStat> process =
        owner.flatMap(found -> table.find(id)).filter(found -> !found.isDead());
    if (process.isPresent() && users.take(owner.get().user())) {
      Path directory = left.remove(owner.get().user());
      ended.add(
          RProcess.of(
              process.get(),
              "",
              directory == null ? "" : directory.toString(),
              "",
              OptionalLong.of(owner.get().user())),
          Ending.of(EndReason.LEFT_BEHIND),
          true);
    }
  }
}
