package org.rservegateway.node.rsession;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rservegateway.node.testing.TestGateway;

/** The question to a real R, where not everything is as it should be. */
class OpeningQuestionIT {

  private static final String SAFE = OpeningQuestion.safeExpression("mark", false);

  @TempDir private Path directory;

  @Test
  void quickRSaysWhereItsNewTemporaryDirectoryIs() throws Exception {
    List<String> answer =
        ask(
            OpeningQuestion.quickExpression("mark", false),
            "conn",
            "unlink(tempdir(), recursive = TRUE)");

    assertThat(answer).hasSize(1);
    Path temporary = Path.of(answer.get(0));
    assertThat(temporary.getFileName().toString()).startsWith("Rtmp"); // R removes it at its end
    assertThat(temporary.getParent().getFileName().toString()).matches("conn[1-9][0-9]*");
    assertThat(temporary.getParent().getParent()).isEqualTo(directory.toRealPath());
  }

  @Test
  void quickRWhoseTemporaryDirectoryIsThereShowsIt() throws Exception {
    List<String> answer = ask(OpeningQuestion.quickExpression("mark", false), "conn", "");

    assertThat(answer).hasSize(1);
    assertThat(answer.get(0)).doesNotContain("/conn");
  }

  @Test
  void rSaysWhoAndWhereItIsAndNothingElse() throws Exception {
    List<String> answer = ask(SAFE, "", "");

    assertThat(answer).hasSize(2);
    assertThat(answer.get(0)).matches("[1-9][0-9]*");
    assertThat(answer.get(1)).isEqualTo(directory.toRealPath().toString());
  }

  @Test
  void anRWhoseDirectoryIsGoneSaysWhoItIs() throws Exception {
    Path gone = Files.createDirectory(directory.resolve("gone"));

    List<String> answer =
        ask(SAFE, "", "setwd('%s'); unlink('%s', recursive = TRUE)".formatted(gone, gone));

    assertThat(answer.get(0)).matches("[1-9][0-9]*");
    assertThat(answer).element(1).isEqualTo("");
  }

  @Test
  void anOldRSaysWhoItIs() throws Exception {
    List<String> answer =
        ask(SAFE, "conn", "tempdir <- function() '/'; Sys.setenv <- function(...) stop('no')");

    assertThat(answer.get(0)).matches("[1-9][0-9]*");
    assertThat(answer.get(1)).endsWith("/conn" + answer.get(0));
  }

  /** The answer's strings, after {@code before} was evaluated in a work directory, if wanted. */
  private List<String> ask(String question, String workDirectory, String before)
      throws IOException, InterruptedException {
    Path script = directory.resolve("script.R");
    String enter =
        workDirectory.isEmpty()
            ? ""
            : "d <- paste0('conn', Sys.getpid()); dir.create(d); setwd(d)\n";
    Files.writeString(
        script,
        enter
            + before
            + "\nanswer <- "
            + question
            + "\nstopifnot(is.character(answer), !exists('.Random.seed'))\n"
            + "cat(paste0(answer, '|'), sep = '')\n");
    Path output = directory.resolve("output");
    Process r =
        new ProcessBuilder("Rscript", "--vanilla", script.toString())
            .directory(directory.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(r.waitFor(TestGateway.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } finally {
      r.destroyForcibly();
    }
    String text = Files.readString(output, StandardCharsets.UTF_8);
    assertThat(text).endsWith("|");
    return List.of(text.substring(0, text.length() - 1).split("\\|", -1));
  }
}
