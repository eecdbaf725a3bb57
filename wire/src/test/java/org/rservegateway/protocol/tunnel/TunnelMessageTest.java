package org.rservegateway.protocol.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.rservegateway.protocol.qap.QapGreeting;

class TunnelMessageTest {

  private static final QapGreeting GREETING =
      QapGreeting.of("Rsrv0103QAP1\r\n\r\n--------------\r\n".getBytes(StandardCharsets.US_ASCII));
  private static final String GREETING_TEXT = "UnNydjAxMDNRQVAxDQoNCi0tLS0tLS0tLS0tLS0tDQo";

  @Test
  void areWrittenAsTheProtocolSays() {
    assertThat(new TunnelMessage.Ready(1, "n 1", 42, 3, GREETING).encode())
        .isEqualTo("ready session=1 node=n+1 pid=42 sessions=3 greeting=" + GREETING_TEXT);
    assertThat(new TunnelMessage.Ended(2, true, "R died").encode())
        .isEqualTo("ended session=2 reached=true reason=R+died");
    assertThat(new TunnelMessage.Failed(3, "no=R").encode())
        .isEqualTo("failed session=3 reason=no%3DR");
    assertThat(new TunnelMessage.End(4, "").encode()).isEqualTo("end session=4 reason=");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "node-1",
        "two  spaces ",
        "a=b&c=%20+",
        "line\r\nbreak\t\u0000",
        "\u00e9\u4e2d\ud83d\ude00",
        "\"quotes\" \\ 'and' `more`"
      })
  void comeBackWhateverTheirText(String text) {
    for (TunnelMessage message :
        List.of(
            new TunnelMessage.Ended(1, false, text),
            new TunnelMessage.Ended(Long.MAX_VALUE, true, text),
            new TunnelMessage.Failed(7, text),
            new TunnelMessage.End(7, text))) {
      assertThat(TunnelMessage.decode(message.encode())).isEqualTo(message);
    }
    TunnelMessage ready =
        TunnelMessage.decode(
            new TunnelMessage.Ready(9, text, Long.MAX_VALUE, Integer.MAX_VALUE, GREETING).encode());
    assertThat(ready)
        .usingRecursiveComparison()
        .isEqualTo(new TunnelMessage.Ready(9, text, Long.MAX_VALUE, Integer.MAX_VALUE, GREETING));
  }

  @Test
  void unknownKeysArePassedOverAndTheOrderIsFree() {
    assertThat(TunnelMessage.decode("end later=x reason=r session=1"))
        .isEqualTo(new TunnelMessage.End(1, "r"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                                   | no message is called ""
          stop session=1                       | no message is called "stop"
          END session=1 reason=x               | no message is called "END"
          end                                  | a message without session=
          end session=1                        | a message without reason=
          end reason=x                         | a message without session=
          'end  session=1 reason=x'            | not key=value: ""
          'end session=1 reason=x '            | not key=value: ""
          end session=1 reason                 | not key=value: "reason"
          end session=1 =x                     | not key=value: "=x"
          end session=1 session=2 reason=x     | twice in one message: "session"
          end session=0 reason=x               | session is not from 1 to 9223372036854775807: 0
          end session=-1 reason=x              | session is not from 1
          end session=x reason=x               | session is not a number: "x"
          end session= reason=x                | session is not a number: ""
          end session=9223372036854775808 reason=x | session is not a number
          end session=1 reason=%               | not percent-encoded: "%"
          end session=1 reason=%zz             | not percent-encoded: "%zz"
          end session=1 reason=%-1             | not percent-encoded: "%-1"
          ended session=1 reached=yes reason=x | reached is neither true nor false: "yes"
          ended session=1 reason=x             | a message without reached=
          ready session=1 node=n pid=-1 sessions=0 greeting=G | pid is not from 0
          ready session=1 node=n pid=0 sessions=-1 greeting=G | sessions is not from 0 to 2147483647: -1
          ready session=1 node=n pid=0 sessions=2147483648 greeting=G | sessions is not from 0 to 2147483647
          ready session=1 node=n pid=0 sessions=0 | a message without greeting=
          ready session=1 node=n pid=0 sessions=0 greeting=! | greeting is not Base64
          ready session=1 node=n pid=0 sessions=0 greeting=  | not the greeting of an Rserve
          ready session=1 node=n pid=0 sessions=0 greeting=UnNy | not the greeting of an Rserve
          """)
  void whatIsWrongIsSaid(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> TunnelMessage.decode(text.replace("greeting=G", "greeting=" + GREETING_TEXT)))
        .withMessageStartingWith(message);
  }

  @Test
  void aMessageThatCantBeReadIsShownAsOneShortLine() {
    String hostile = "x\r\n\u001b[31m\u4e2d".repeat(1000);

    for (String text :
        List.of(hostile, "end " + hostile, "end session=" + hostile, "end r=%" + hostile)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> TunnelMessage.decode(text))
          .satisfies(e -> assertThat(e.getMessage()).matches("[\\x20-\\x7e]{1,120}"));
    }
  }

  @Test
  void whateverComesEitherIsAMessageOrIsRefusedWithAWord() {
    List<String> good =
        List.of(
            new TunnelMessage.Ready(12, "n1", 345, 6, GREETING).encode(),
            new TunnelMessage.Ended(12, true, "a b").encode(),
            new TunnelMessage.Failed(12, "\u00e9").encode(),
            new TunnelMessage.End(12, "x").encode());
    String alphabet = " =%+-0129azAZ_\u0000\u00e9\ud83d\n";
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int run = 0; run < 50_000; run++) {
      StringBuilder text = new StringBuilder(good.get(random.nextInt(good.size())));
      for (int change = random.nextInt(4); change >= 0; change--) {
        int at = random.nextInt(text.length() + 1);
        int end = Math.min(text.length(), at + random.nextInt(3));
        int letter = random.nextInt(alphabet.length());
        text.replace(
            at,
            end,
            alphabet.substring(
                letter, letter + random.nextInt(2) * Math.min(1, alphabet.length() - letter)));
      }
      String input = run % 10 == 0 ? text.reverse().toString() : text.toString();
      try {
        TunnelMessage message = TunnelMessage.decode(input);
        assertThat(message.session()).as("seed %d: %s", seed, input).isPositive();
        assertThat(TunnelMessage.decode(message.encode()).encode()).isEqualTo(message.encode());
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage()).as("seed %d: %s", seed, input).matches("[\\x20-\\x7e]+");
        assertThat(e.getClass()).isEqualTo(IllegalArgumentException.class);
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ": " + input, e);
      }
    }
  }
}
