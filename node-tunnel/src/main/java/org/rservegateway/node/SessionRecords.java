package org.rservegateway.node;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory in which a file for each open R session lies, so that a node-tunnel knows what an
 * earlier one has left. One node-tunnel at a time uses it.
 */
final class SessionRecords implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(SessionRecords.class);

  private static final String SETTING = "NODE_TUNNEL_STATE_DIR";
  private static final String OURS_ALONE = "rwx------";
  private static final String PREFIX = "session-";
  private static final String LOCK = "lock";

  private final Path directory;
  private final String bootId;
  private final FileChannel lockFile;
  private boolean failed;

  /**
   * Takes the directory, and makes it if need be.
   *
   * @param bootId names this boot of the machine
   * @throws IllegalArgumentException which names the setting, if it can't be ours alone
   */
  SessionRecords(Path directory, String bootId) {
    this.directory = directory;
    this.bootId = bootId;
    try {
      try {
        Files.createDirectory(
            directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(OURS_ALONE)));
      } catch (FileAlreadyExistsException e) {
        check(directory);
      }
      lockFile = lock(directory.resolve(LOCK));
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "%s: %s can't be used: %s".formatted(SETTING, directory, e), e);
    }
  }

  private static void check(Path directory) throws IOException {
    PosixFileAttributes attributes =
        Files.readAttributes(directory, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isDirectory()) {
      throw new IllegalArgumentException(
          "%s: %s must be a directory, and no link to one".formatted(SETTING, directory));
    }
    Object we = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    if (!we.equals(Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS))) {
      throw new IllegalArgumentException(
          "%s: %s belongs to %s, and not to who runs this node-tunnel"
              .formatted(SETTING, directory, attributes.owner().getName()));
    }
    if (!PosixFilePermissions.fromString(OURS_ALONE).containsAll(attributes.permissions())) {
      throw new IllegalArgumentException(
          "%s: %s is open to others (%s); it must be %s"
              .formatted(
                  SETTING,
                  directory,
                  PosixFilePermissions.toString(attributes.permissions()),
                  OURS_ALONE));
    }
  }

  private static FileChannel lock(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // another one in this process
    } finally {
      if (lock == null) {
        channel.close();
      }
    }
    if (lock == null) {
      throw new IllegalArgumentException(
          "%s: another node-tunnel uses %s".formatted(SETTING, file.getParent()));
    }
    return channel;
  }

  /** Notes an open session. Where that fails, once a line is logged. */
  void write(RProcess process) {
    try {
      Files.write(
          file(process),
          SessionRecord.encode(process, bootId).getBytes(UTF_8),
          StandardOpenOption.CREATE_NEW,
          StandardOpenOption.WRITE);
    } catch (IOException e) {
      complain(e);
    }
  }

  /** Forgets a session of which nothing is left. */
  void delete(RProcess process) {
    try {
      Files.deleteIfExists(file(process));
    } catch (IOException e) {
      complain(e);
    }
  }

  private void complain(IOException e) {
    if (!failed) {
      failed = true;
      log.warn(
          "R sessions can't be noted; a node-tunnel that is started later won't know them: {}",
          e.toString());
    }
  }

  private Path file(RProcess process) {
    return directory.resolve(PREFIX + process.id() + "-" + process.startTicks());
  }

  /** What was noted in this boot of the machine; files that say nothing are deleted. */
  Found readAll() {
    Found found = new Found(new ArrayList<>(), new ArrayList<>());
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, PREFIX + "*")) {
      for (Path file : files) {
        read(file, found);
      }
    } catch (IOException e) {
      log.warn("{}: {} can't be read: {}", SETTING, directory, e.toString());
    }
    return found;
  }

  private void read(Path file, Found found) throws IOException {
    try {
      if (Files.size(file) > SessionRecord.MOST_BYTES) {
        throw new IllegalArgumentException("too long");
      }
      SessionRecord record = SessionRecord.decode(Files.readString(file));
      if (!file.equals(file(record.process()))) {
        throw new IllegalArgumentException("it tells of another process than its name");
      }
      boolean thisBoot = record.bootId().equals(bootId);
      (thisBoot ? found.ofThisBoot : found.ofEarlierBoots).add(record.process());
    } catch (IllegalArgumentException | IOException e) {
      log.warn("{} tells of no R session and is deleted: {}", file, e.getMessage());
      Files.deleteIfExists(file);
    }
  }

  /**
   * What an earlier node-tunnel has noted.
   *
   * @param ofThisBoot whose processes may still live
   * @param ofEarlierBoots whose ids mean nothing any more
   */
  record Found(List<RProcess> ofThisBoot, List<RProcess> ofEarlierBoots) {}

  /** Leaves the directory to the next node-tunnel. */
  @Override
  public void close() {
    try {
      lockFile.close();
    } catch (IOException e) {
      log.debug("the lock of {}", directory, e);
    }
  }
}
