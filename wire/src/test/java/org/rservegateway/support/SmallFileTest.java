package org.rservegateway.support;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 5, unit = TimeUnit.SECONDS)
class SmallFileTest {

  private static final int MOST = 100;

  @TempDir private Path directory;

  private Path file(int bytes) throws IOException {
    return Files.write(directory.resolve("file"), new byte[bytes]);
  }

  @Test
  void aFileOfAllThatItMayHaveIsReadAndALargerOneIsNot() throws IOException {
    assertThat(SmallFile.read(file(0), MOST)).isEmpty();
    assertThat(SmallFile.read(file(MOST), MOST)).hasSize(MOST);

    refuses(file(MOST + 1), "is larger than the 100 bytes that it may have");
  }

  @Test
  void whatIsNoFileSaysSo() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("/dev/zero"));

    refuses(directory.resolve("none"), "there is no such file");
    refuses(directory, "is a directory");
    refuses(pipe, "is a pipe or a device");
    refuses(Path.of("/dev/zero"), "is a pipe or a device");
    refuses(link, "is a pipe or a device");
  }

  @Test
  void whatTheProcessHasOpenMayBeADevice() throws IOException {
    assertThat(SmallFile.read(Path.of("/dev/null"), MOST)).isEmpty();
  }

  @Test
  void textThatIsNoneIsToldFromAFileThatCantBeRead() throws IOException {
    Path latin = Files.write(directory.resolve("latin"), new byte[] {'a', (byte) 0xe4, 'b'});

    assertThat(SmallFile.readText(Files.writeString(file(0), "größer"), MOST, UTF_8))
        .isEqualTo("größer");
    assertThatThrownBy(() -> SmallFile.readText(latin, MOST, UTF_8))
        .isInstanceOf(CharacterCodingException.class);
  }

  private static void refuses(Path file, String why) {
    assertThatThrownBy(() -> SmallFile.read(file, MOST))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(why);
  }
}
