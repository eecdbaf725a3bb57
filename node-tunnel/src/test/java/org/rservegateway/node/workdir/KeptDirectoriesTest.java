package org.rservegateway.node.workdir;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeptDirectoriesTest {

  private static final long BLOCK = DirectorySeal.BLOCK_BYTES;
  private static final KeepRules RULES = new KeepRules(Duration.ofSeconds(60), 3, 20 * BLOCK);

  @TempDir private Path parent;
  private KeptDirectories kept;
  private long seconds = 1_000;
  private final Set<Long> living = new HashSet<>();

  /** What has to go and why, in the order in which it was told. */
  private final List<String> dropped = new ArrayList<>();

  @BeforeEach
  void start() {
    kept = of(RULES);
  }

  private KeptDirectories of(KeepRules rules) {
    return new KeptDirectories(
        rules,
        Optional.of(parent),
        () -> Duration.ofSeconds(seconds).toNanos(),
        living::contains,
        (left, why) ->
            dropped.add(left.path().getFileName() + " " + why.map(KeptEnd::label).orElse("empty")));
  }

  /** A session's directory with files of so many blocks each, directories not counted. */
  private Path make(long process, int... blocks) throws IOException {
    Path directory = Files.createDirectories(parent.resolve("conn" + process));
    for (int i = 0; i < blocks.length; i++) {
      Files.write(directory.resolve("f" + i), new byte[(int) (blocks[i] * BLOCK) - 1]);
    }
    return directory;
  }

  private void offer(long process) {
    kept.offer(
        new LeftDirectory(parent.resolve("conn" + process), "", process, OptionalLong.empty()));
  }

  private void keep(long process, int... blocks) throws IOException {
    make(process, blocks);
    offer(process);
    work();
  }

  private void work() {
    try (OpenDirectories parents = new OpenDirectories()) {
      kept.work(parents, 2_000);
    }
  }

  private Path path(long process) {
    return parent.resolve("conn" + process);
  }

  @Test
  void aDirectoryStaysForItsTime() throws IOException {
    keep(1, 1);
    seconds += 59;
    keep(2, 1);
    kept.expire();
    assertThat(dropped).isEmpty();
    assertThat(kept.has(path(1))).isTrue();

    seconds += 1;
    kept.expire();
    assertThat(dropped).containsExactly("conn1 time");
    assertThat(kept.has(path(1))).isFalse();
    assertThat(kept.has(path(2))).isTrue();

    seconds += 59;
    kept.expire();
    assertThat(dropped).containsExactly("conn1 time", "conn2 time");
    assertThat(kept.count()).isZero();
    assertThat(kept.bytes()).isZero();
    assertThat(path(1)).as("whoever is told removes it").exists();
  }

  @Test
  void aDirectoryMoreThanMayBeTakesTheOldestsPlace() throws IOException {
    for (int process = 1; process <= 5; process++) {
      keep(process, 1);
      assertThat(kept.count()).isEqualTo(Math.min(process, 3));
    }

    assertThat(dropped).containsExactly("conn1 directories", "conn2 directories");
    assertThat(kept.bytes()).isEqualTo(6 * BLOCK);
  }

  @Test
  void theOldestGoUntilThereIsRoomForItsBytes() throws IOException {
    keep(1, 5);
    keep(2, 5);
    assertThat(kept.bytes()).isEqualTo(12 * BLOCK);

    keep(3, 7, 7);

    assertThat(dropped).containsExactly("conn1 bytes", "conn2 bytes");
    assertThat(kept.bytes()).isEqualTo(15 * BLOCK);
  }

  @Test
  void whatIsLargerThanAllThatMayBeKeptPushesNothingOut() throws IOException {
    keep(1, 5);

    keep(2, 20);

    assertThat(dropped).containsExactly("conn2 unfit");
    assertThat(kept.has(path(1))).isTrue();
    assertThat(kept.bytes()).isEqualTo(6 * BLOCK);
  }

  @Test
  void whereNoFileIsNothingIsKept() throws IOException {
    Files.createDirectories(make(1).resolve("Rtmpabcdef"));
    offer(1);
    work();

    assertThat(dropped).containsExactly("conn1 empty");
    assertThat(kept.count()).isZero();
  }

  @Test
  void whatIsNotThereOrElsewhereIsRemovedAsEver() throws IOException {
    Path elsewhere = Files.createDirectories(parent.resolve("elsewhere/conn2"));
    Files.writeString(elsewhere.resolve("file"), "x");
    offer(1);
    kept.offer(new LeftDirectory(elsewhere, "", 2, OptionalLong.empty()));
    work();

    assertThat(dropped).containsExactly("conn1 unfit", "conn2 unfit");
  }

  /** Rserve has removed what was there, and a session works in the directory of this name. */
  @Test
  void whereAProcessIdComesRoundTheDirectoryIsNotTouched() throws IOException {
    make(1, 1);
    Path link = Files.createSymbolicLink(path(1).resolve("link"), parent);
    offer(1);
    living.add(1L);
    work();

    assertThat(link).isSymbolicLink();
    assertThat(dropped).isEmpty();
    assertThat(kept.has(path(1))).isFalse();
  }

  @Test
  void aDirectoryOfTheSameNameTakesThePlaceOfTheOlderOne() throws IOException {
    keep(1, 5);
    seconds += 30;
    keep(2, 1);
    keep(1, 2);

    assertThat(dropped).isEmpty();
    assertThat(kept.bytes()).isEqualTo(5 * BLOCK);
    seconds += 30;
    kept.expire();
    assertThat(dropped).isEmpty();
    seconds += 30;
    kept.expire();
    assertThat(dropped).containsExactly("conn2 time", "conn1 time");
  }

  @Test
  void noMoreWaitThanMayBeKept() throws IOException {
    for (int process = 1; process <= 5; process++) {
      make(process, 1);
      offer(process);
    }
    assertThat(dropped).containsExactly("conn1 directories", "conn2 directories");
    assertThat(kept.isIdle()).isFalse();
    assertThat(kept.has(path(5))).as("it waits").isTrue();

    work();

    assertThat(kept.isIdle()).isTrue();
    assertThat(kept.count()).isEqualTo(3);
  }

  @Test
  void aTurnEndsBehindTheDirectoryThatUsesItUp() throws IOException {
    for (int process = 1; process <= 3; process++) {
      make(process, 1, 1, 1);
      offer(process);
    }
    try (OpenDirectories parents = new OpenDirectories()) {
      kept.work(parents, 5);
    }

    assertThat(kept.count()).isEqualTo(2);
    assertThat(kept.isIdle()).isFalse();
  }

  /** No file system has so much room. */
  @Test
  void whereTheFileSystemIsFullAllGo() throws IOException {
    kept = of(new KeepRules(Duration.ofSeconds(60), 3, 1L << 60));
    keep(1, 1);
    keep(2, 1);

    kept.expire();

    assertThat(dropped).containsExactly("conn1 disk full", "conn2 disk full");
    assertThat(kept.count()).isZero();
  }

  @Test
  void atTheEndAllGoAndNothingIsKeptAnyMore() throws IOException {
    keep(1, 1);
    make(2, 1);
    offer(2);

    kept.close();
    keep(3, 1);

    assertThat(dropped).containsExactly("conn2 node stops", "conn1 node stops", "conn3 node stops");
    assertThat(kept.isIdle()).isTrue();
    assertThat(kept.count()).isZero();
    assertThat(kept.isOn()).isFalse();
  }

  @Test
  void withoutATimeOrADirectoryItIsOff() {
    assertThat(of(KeepRules.OFF).isOn()).isFalse();
    assertThat(
            new KeptDirectories(
                    RULES, Optional.empty(), System::nanoTime, id -> false, (left, why) -> {})
                .isOn())
        .isFalse();
    assertThat(kept.isOn()).isTrue();
  }

  @Test
  void inWhateverOrderThingsHappenTheBoundsHoldAndEachDirectoryIsKeptOrToldOnce()
      throws IOException {
    Random random = new Random(4711);
    int offered = 0;
    for (int step = 0; step < 1000; step++) {
      switch (random.nextInt(4)) {
        case 0, 1 -> {
          make(++offered, random.ints(random.nextInt(4), 1, 9).toArray());
          offer(offered);
        }
        case 2 -> work();
        default -> {
          seconds += random.nextInt(20);
          kept.expire();
        }
      }
      assertThat(kept.count()).isLessThanOrEqualTo(3);
      assertThat(kept.bytes()).isBetween(0L, 20 * BLOCK);
    }
    work();

    int now = kept.count();
    assertThat(dropped).hasSize(offered - now).doesNotHaveDuplicates();
    assertThat(dropped.stream().map(drop -> drop.substring(drop.indexOf(' ') + 1)))
        .contains("time", "directories", "bytes", "unfit", "empty");
    kept.close();
    assertThat(dropped).hasSize(offered);
    assertThat(kept.bytes()).isZero();
  }

  // ---- how much may be kept

  @Test
  void moreThanAQuarterOfTheFileSystemIsAMistake() {
    Path nothingYet = parent.resolve("not/there/yet");
    long size = parent.toFile().getTotalSpace();

    assertThat(new KeepRules(Duration.ofSeconds(1), 3, size / 4).mistake(nothingYet)).isEmpty();
    assertThat(new KeepRules(Duration.ofSeconds(1), 3, size / 4 + 1).mistake(nothingYet))
        .hasValue(
            "NODE_TUNNEL_KEEP_BYTES: %d bytes are more than a quarter of the file system of %s, which has %d"
                .formatted(size / 4 + 1, nothingYet, size));
    assertThat(new KeepRules(Duration.ZERO, 3, size).mistake(nothingYet)).isEmpty();
  }
}
