package org.rservegateway.support;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Reads files that somebody names: configuration, secrets, certificates. They are regular files of
 * a bounded size, so that none of them takes the memory, or for ever. What the process was given
 * open, such as {@code /dev/stdin}, may be a pipe too, from which everything has to come within ten
 * seconds.
 */
public final class SmallFile {

  private static final long PIPE_SECONDS = 10;

  private SmallFile() {}

  /**
   * The file's bytes.
   *
   * @param most bytes that it may have
   * @throws IOException whose message says what is wrong with it, for people, without its name
   */
  public static byte[] read(Path file, int most) throws IOException {
    BasicFileAttributes found;
    try {
      found = Files.readAttributes(file, BasicFileAttributes.class);
      if (found.isRegularFile()) {
        return bounded(Files.newInputStream(file), most);
      }
    } catch (NoSuchFileException e) {
      throw new IOException("there is no such file", e);
    } catch (AccessDeniedException e) {
      throw new IOException("may not be read by user " + System.getProperty("user.name"), e);
    }
    if (found.isDirectory()) {
      throw new IOException("is a directory, not a file");
    }
    if (!isOpenAlready(file)) {
      throw new IOException("is a pipe or a device, and must be a regular file");
    }
    return fromPipe(file, most);
  }

  /**
   * The file's text.
   *
   * @throws CharacterCodingException if it is no text in this character set
   * @throws IOException as {@link #read}
   */
  public static String readText(Path file, int most, Charset charset) throws IOException {
    return charset
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT)
        .decode(ByteBuffer.wrap(read(file, most)))
        .toString();
  }

  /** To open another pipe would wait for somebody who writes to it. */
  private static boolean isOpenAlready(Path file) {
    return file.toString().matches("/dev/(stdin|null|fd/\\d+)|/proc/self/fd/\\d+");
  }

  private static byte[] bounded(InputStream opened, int most) throws IOException {
    try (InputStream in = opened) {
      byte[] bytes = in.readNBytes(most);
      if (in.read() >= 0) {
        throw new IOException("is larger than the %d bytes that it may have".formatted(most));
      }
      return bytes;
    }
  }

  /** On a thread of its own: a read from a pipe can't be given a time. */
  private static byte[] fromPipe(Path file, int most) throws IOException {
    FutureTask<byte[]> reading =
        new FutureTask<>(() -> bounded(new FileInputStream(file.toFile()), most));
    Thread thread = new Thread(reading, "reads " + file);
    thread.setDaemon(true);
    thread.start();
    try {
      return reading.get(PIPE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw new IOException("can't be read: " + e.getCause(), e);
    } catch (TimeoutException e) {
      throw new IOException(
          "is a pipe from which not everything came within %d s".formatted(PIPE_SECONDS), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("was not read: the thread was interrupted", e);
    }
  }
}
