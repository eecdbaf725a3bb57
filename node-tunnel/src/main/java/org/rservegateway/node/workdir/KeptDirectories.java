package org.rservegateway.node.workdir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.LongPredicate;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Directories of ended R sessions that stay for a while, where clients know them: at their own
 * paths. They are bounded in time, number and bytes, and the oldest go first. Of the reaper's
 * thread only.
 *
 * <p>A new session gets none of them for its own. One with a user of its own can't: the directory's
 * user serves no session until it is removed. Where all sessions run as one user, Rserve names
 * directories by process ids; when one comes round, Rserve removes what is there and makes the
 * directory anew, and here the older one is forgotten.
 */
public final class KeptDirectories {

  private static final Logger log = LoggerFactory.getLogger(KeptDirectories.class);

  /**
   * A directory that is kept.
   *
   * @param until when, by the clock
   */
  private record Kept(LeftDirectory left, long bytes, long until) {}

  private final KeepRules rules;
  private final Optional<Path> parent;
  private final LongSupplier clock;
  private final LongPredicate lives;
  private final BiConsumer<LeftDirectory, Optional<KeptEnd>> drop;

  /** What is to be sealed; no more than may be kept. */
  private final Deque<LeftDirectory> candidates = new ArrayDeque<>();

  /** In the order in which they go. */
  private final Map<Path, Kept> kept = new LinkedHashMap<>();

  private long bytes;
  private boolean closed;

  /**
   * None yet.
   *
   * @param parent in which each session has its directory; where it is empty nothing is kept
   * @param clock in nanoseconds
   * @param lives whether a process of this id does
   * @param drop is told of each directory that is to be removed, and why; without a reason where
   *     there was nothing in it to keep
   */
  KeptDirectories(
      KeepRules rules,
      Optional<Path> parent,
      LongSupplier clock,
      LongPredicate lives,
      BiConsumer<LeftDirectory, Optional<KeptEnd>> drop) {
    this.rules = rules;
    this.parent = parent;
    this.clock = clock;
    this.lives = lives;
    this.drop = drop;
  }

  /** Whether directories are kept at all. */
  public boolean isOn() {
    return rules.isOn() && parent.isPresent() && !closed;
  }

  /** Keeps a directory, or has it removed; in a later turn. */
  void offer(LeftDirectory left) {
    if (!isOn()) {
      drop.accept(left, Optional.of(KeptEnd.NODE_STOPS));
      return;
    }
    if (candidates.size() >= rules.directories()) {
      drop.accept(candidates.remove(), Optional.of(KeptEnd.DIRECTORIES));
    }
    candidates.add(left);
  }

  /** Whether nothing waits to be sealed. */
  boolean isIdle() {
    return candidates.isEmpty();
  }

  /** Whether an entry of the parent is, or may become, one of these. */
  boolean has(Path entry) {
    return kept.containsKey(entry)
        || (!candidates.isEmpty()
            && candidates.stream().anyMatch(left -> place(left).equals(entry)));
  }

  /** How many are kept now. */
  public int count() {
    return kept.size();
  }

  /** Bytes of all that are kept. */
  public long bytes() {
    return bytes;
  }

  /** Where it is, by the path of the parent that everything here has. */
  private Path place(LeftDirectory left) {
    return parent.orElseThrow().resolve(left.path().getFileName());
  }

  /**
   * A turn: as many directories as have {@code most} entries, or one more.
   *
   * @param parents the directories that are open in this turn
   */
  void work(OpenDirectories parents, int most) {
    int left = most;
    while (left > 0 && !candidates.isEmpty()) {
      left -= consider(candidates.remove(), parents);
    }
  }

  private int consider(LeftDirectory left, OpenDirectories parents) {
    forget(place(left));
    if (left.processId() != 0 && lives.test(left.processId())) {
      return 1; // the id has come round: Rserve has removed what was here, and the directory is new
    }
    DirectorySeal seal = new DirectorySeal(left.user(), rules.bytes());
    try {
      seal.seal(parents.open(parent.orElseThrow()), place(left));
      if (seal.files() == 0) {
        drop.accept(left, Optional.empty());
      } else {
        keep(left, seal.bytes());
      }
    } catch (IOException e) {
      log.debug("{} is not kept: {}", left.path(), e.toString());
      drop.accept(left, Optional.of(KeptEnd.UNFIT));
    }
    return seal.entriesSeen() + 1;
  }

  private void forget(Path place) {
    Kept before = kept.remove(place);
    if (before != null) {
      bytes -= before.bytes;
    }
  }

  private void keep(LeftDirectory left, long size) {
    while (kept.size() >= rules.directories()) {
      dropOldest(KeptEnd.DIRECTORIES);
    }
    while (bytes + size > rules.bytes()) {
      dropOldest(KeptEnd.BYTES);
    }
    kept.put(place(left), new Kept(left, size, clock.getAsLong() + rules.time().toNanos()));
    bytes += size;
  }

  private void dropOldest(KeptEnd why) {
    Iterator<Kept> oldest = kept.values().iterator();
    Kept first = oldest.next();
    oldest.remove();
    bytes -= first.bytes;
    drop.accept(first.left, Optional.of(why));
  }

  /** Drops what was kept long enough, and all of it where the file system is full. */
  public void expire() {
    if (kept.isEmpty()) {
      return;
    }
    if (rules.isTooFull(parent.orElseThrow().toFile())) {
      dropAll(KeptEnd.DISK_FULL);
    }
    long now = clock.getAsLong();
    while (!kept.isEmpty() && now - kept.values().iterator().next().until >= 0) {
      dropOldest(KeptEnd.TIME);
    }
  }

  private void dropAll(KeptEnd why) {
    while (!kept.isEmpty()) {
      dropOldest(why);
    }
  }

  /** Drops all, and keeps nothing from now on. */
  public void close() {
    closed = true;
    List.copyOf(candidates).forEach(left -> drop.accept(left, Optional.of(KeptEnd.NODE_STOPS)));
    candidates.clear();
    dropAll(KeptEnd.NODE_STOPS);
  }
}
