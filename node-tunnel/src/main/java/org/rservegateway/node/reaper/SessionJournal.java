package org.rservegateway.node.reaper;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.rservegateway.node.process.ProcessIdentity;
import org.rservegateway.node.process.RProcess;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file that says which R sessions are open, so that a node-tunnel knows what an earlier one has
 * left. Lines are appended, many at once, which costs a hundredth of a file for each session; now
 * and then the file is written anew. One node-tunnel at a time uses the directory. Of the reaper's
 * thread only.
 */
public final class SessionJournal implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(SessionJournal.class);

  private static final String SETTING = "NODE_TUNNEL_STATE_DIR";
  private static final String OURS_ALONE = "rwx------";
  private static final String LOCK = "lock";
  private static final String FILE = "sessions";
  private static final String NEW_FILE = "sessions.new";
  private static final String BOOT = "boot ";
  private static final long MOST_BYTES = 1024 * 1024;

  private final Path directory;
  private final String bootId;
  private final FileChannel lockFile;
  private final Map<ProcessIdentity, RProcess> open = new LinkedHashMap<>();
  private final StringBuilder unwritten = new StringBuilder();
  private FileChannel file;
  private long bytes;
  private boolean complete;
  private boolean failed;

  /**
   * Takes the directory, and makes it if need be.
   *
   * @param bootId names this boot of the machine
   * @throws IllegalArgumentException which names the setting, if it can't be ours alone
   */
  public SessionJournal(Path directory, String bootId) {
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

  /** Notes an open session; {@link #flush} writes it. */
  void write(RProcess r) {
    open.put(r.identity(), r);
    unwritten.append(new SessionRecord(r, false).encode());
  }

  /** Forgets a session of which nothing is left; {@link #flush} writes it. */
  void delete(RProcess r) {
    if (open.remove(r.identity()) != null) {
      unwritten.append(new SessionRecord(r, true).encode());
    }
  }

  /** Writes what was noted. Where that fails, a line is logged, once. */
  void flush() {
    if (unwritten.isEmpty()) {
      return;
    }
    String text = unwritten.toString();
    unwritten.setLength(0);
    try {
      if (!complete || bytes > MOST_BYTES) {
        writeAnew(); // with all of it
      } else {
        complete = false;
        write(file, text);
        complete = true;
      }
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

  private void write(FileChannel to, String text) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(text.getBytes(UTF_8));
    while (buffer.hasRemaining()) {
      bytes += to.write(buffer);
    }
  }

  /** With what is open, and nothing else. */
  private void writeAnew() throws IOException {
    complete = false;
    Path made = directory.resolve(NEW_FILE);
    Files.deleteIfExists(made);
    FileChannel next =
        FileChannel.open(
            made,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    bytes = 0;
    try {
      StringBuilder text = new StringBuilder(BOOT).append(bootId).append('\n');
      open.values().forEach(r -> text.append(new SessionRecord(r, false).encode()));
      write(next, text.toString());
      Files.move(made, directory.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      next.close();
      throw e;
    }
    closeFile();
    file = next;
    complete = true;
  }

  /**
   * What was noted before, and not forgotten; what says nothing is left out. What is of this boot
   * stays noted.
   */
  Found recover() {
    Path path = directory.resolve(FILE);
    Map<ProcessIdentity, RProcess> noted = new LinkedHashMap<>();
    String boot = "";
    long strange = 0;
    try {
      List<String> lines = Files.exists(path, LinkOption.NOFOLLOW_LINKS) ? lines(path) : List.of();
      for (String line : lines) {
        Optional<SessionRecord> record = SessionRecord.decode(line);
        if (line.startsWith(BOOT)) {
          boot = line.substring(BOOT.length());
        } else if (record.isEmpty()) {
          strange++;
        } else if (record.get().gone()) {
          noted.remove(record.get().r().identity());
        } else {
          noted.put(record.get().r().identity(), record.get().r());
        }
      }
    } catch (IOException e) {
      log.warn("{} can't be read, and is passed over: {}", path, e.toString());
    }
    if (strange > 0) {
      log.warn("{}: {} lines tell of no R session, and are passed over", path, strange);
    }
    boolean thisBoot = boot.equals(bootId);
    if (thisBoot) {
      open.putAll(noted);
    }
    try {
      writeAnew();
    } catch (IOException e) {
      complain(e);
    }
    List<RProcess> found = List.copyOf(noted.values());
    return thisBoot ? new Found(found, List.of()) : new Found(List.of(), found);
  }

  private static List<String> lines(Path path) throws IOException {
    if (Files.size(path) > 2 * MOST_BYTES) {
      throw new IOException("it is too long");
    }
    String text = new String(Files.readAllBytes(path), UTF_8);
    // A last line without an end was not written completely.
    return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
  }

  /**
   * What an earlier node-tunnel has noted.
   *
   * @param ofThisBoot whose processes may still live
   * @param ofEarlierBoots whose ids mean nothing any more
   */
  record Found(List<RProcess> ofThisBoot, List<RProcess> ofEarlierBoots) {}

  /** Writes what was noted, and leaves the directory to the next node-tunnel. */
  @Override
  public void close() {
    flush();
    try {
      closeFile();
      lockFile.close();
    } catch (IOException e) {
      log.debug("the lock of {}", directory, e);
    }
  }

  private void closeFile() throws IOException {
    if (file != null) {
      file.close();
    }
  }
}
