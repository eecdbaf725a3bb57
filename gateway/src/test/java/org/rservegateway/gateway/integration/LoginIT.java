package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import at.favre.lib.crypto.bcrypt.BCrypt;
import java.io.EOFException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rosuda.REngine.Rserve.RConnection;
import org.rosuda.REngine.Rserve.RserveException;

/** Clients that have to log in at the gateway. */
class LoginIT {

  private static final int AUTH_FAILED = 0x41;

  @TempDir private static Path directory;
  private static Path users;
  private static TestCluster plain;

  @BeforeAll
  static void start() throws Exception {
    users = directory.resolve("users");
    Files.writeString(
        users,
        "# who may\nada:%s\ngrace:{plain}hopper\n"
            .formatted(BCrypt.withDefaults().hashToString(5, "lovelace".toCharArray())));
    plain =
        TestCluster.start(
            1,
            Map.of("RCLOUD_AUTH_USERS", users.toString(), "RCLOUD_AUTH_PLAINWITHOUTTLS", "true"));
  }

  @AfterEach
  void everySessionEnds() {
    plain.awaitQuiet();
  }

  @AfterAll
  static void stop() throws Exception {
    if (plain != null) {
      plain.close();
    }
  }

  @Test
  void rEngineLogsInAndItsNameIsInTheLog() throws Exception {
    try (SessionLog log = new SessionLog()) {
      RConnection connection = new RConnection("127.0.0.1", plain.port());
      assertThat(connection.needLogin()).isTrue();
      connection.login("ada", "lovelace");
      assertThat(connection.eval("sum(1:10)").asDouble()).isEqualTo(55);
      connection.close();
      assertThat(log.awaitEnd("client gone")).contains("user=ada");
    }
  }

  @Test
  void aWrongPasswordIsRefused() throws Exception {
    try (SessionLog log = SessionLog.ofClients()) {
      RConnection connection = new RConnection("127.0.0.1", plain.port());
      assertThatThrownBy(() -> connection.login("ada", "byron"))
          .isInstanceOf(RserveException.class)
          .extracting(e -> ((RserveException) e).getRequestReturnCode())
          .isEqualTo(AUTH_FAILED);
      assertThat(log.awaitLine("login")).contains("\"ada\"").doesNotContain("byron");
    }
  }

  @Test
  void nothingPassesBeforeALogin() throws Exception {
    try (SessionLog log = SessionLog.ofClients();
        RawClient client = new RawClient(plain.port())) {
      client.send("file.create('/tmp/never')");
      client.receive().assertError(AUTH_FAILED);
      log.awaitLine("no login, but eval");
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void aUserWhoIsAddedMayLogInWithoutARestart() throws Exception {
    Files.writeString(users, Files.readString(users) + "new:{plain}comer\n");
    await()
        .atMost(TestCluster.PATIENCE)
        .ignoreExceptions() // until the file has been read again
        .untilAsserted(
            () -> {
              RConnection connection = new RConnection("127.0.0.1", plain.port());
              connection.login("new", "comer");
              connection.close();
            });
  }

  @Test
  void theChallengeIsAnsweredByThoseWhosePasswordIsKnown() throws Exception {
    try (TestCluster crypt =
        TestCluster.start(
            1, Map.of("RCLOUD_AUTH_USERS", users.toString(), "RCLOUD_AUTH_CRYPT", "true"))) {
      RConnection connection = new RConnection("127.0.0.1", crypt.port());
      connection.login("grace", "hopper");
      assertThat(connection.eval("1+1").asDouble()).isEqualTo(2);
      connection.close();

      RConnection wrong = new RConnection("127.0.0.1", crypt.port());
      assertThatThrownBy(() -> wrong.login("grace", "murray")).isInstanceOf(RserveException.class);
    }
  }

  @Test
  void withoutTlsNoPasswordIsTaken() throws Exception {
    try (TestCluster strict = TestCluster.start(1, Map.of("RCLOUD_AUTH_USERS", users.toString()));
        SessionLog log = SessionLog.ofClients();
        RawClient client = new RawClient(strict.port())) {
      client.send("1");
      client.receive().assertError(AUTH_FAILED);
      log.awaitLine("auth.plainWithoutTls");
    }
  }

  private static final int CMD_LOGIN = 1;

  private static RawClient loggedIn(TestCluster to, String from, String login) throws Exception {
    RawClient client = RawClient.from(from, to.port());
    client.send(CMD_LOGIN, login);
    assertThat(client.receive().isOk()).isTrue();
    return client;
  }

  @Test
  void aUserMayHaveOnlySoManyConnectionsFromWherever() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_AUTH_USERS", users.toString(),
            "RCLOUD_AUTH_PLAINWITHOUTTLS", "true",
            "RCLOUD_LIMITS_SESSIONSPERUSER", "1");
    try (TestCluster limited = TestCluster.start(1, settings);
        SessionLog log = new SessionLog();
        RawClient first = loggedIn(limited, "127.0.0.1", "ada\nlovelace")) {
      assertThat(first.eval("1+1").asDouble()).isEqualTo(2);
      try (RawClient second = loggedIn(limited, "127.0.0.2", "ada\nlovelace")) {
        RawClient.Answer refused = second.eval("1+1");
        refused.assertError(0x50);
        assertThat(log.awaitEnd("user limit"))
            .contains("this user has limits.sessionsPerUser, 1, connections", "ada");
      }
      try (RawClient other = loggedIn(limited, "127.0.0.1", "grace\nhopper")) {
        assertThat(other.eval("1+1").asDouble()).isEqualTo(2);
      }

      first.close();
      await()
          .atMost(TestCluster.PATIENCE)
          .untilAsserted(
              () -> {
                try (RawClient next = loggedIn(limited, "127.0.0.2", "ada\nlovelace")) {
                  assertThat(next.eval("1+1").isOk()).isTrue();
                }
              });
    }
  }

  /** More than are checked at a time: all the others wait for the first, and are known then. */
  @Test
  void aCrowdWithTheRightPasswordGetsIn() throws Exception {
    List<RawClient> crowd = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      RawClient client = new RawClient(plain.port());
      client.send(CMD_LOGIN, "ada\nlovelace");
      crowd.add(client);
    }
    for (RawClient client : crowd) {
      assertThat(client.receive().isOk()).isTrue();
      client.close();
    }
  }

  @Test
  void whoDoesNotLogInCountsAmongTheSilentOnesOfItsAddress() throws Exception {
    Map<String, String> settings =
        Map.of(
            "RCLOUD_AUTH_USERS", users.toString(),
            "RCLOUD_AUTH_PLAINWITHOUTTLS", "true",
            "RCLOUD_LIMITS_SILENTPERCLIENT", "1");
    try (TestCluster limited = TestCluster.start(1, settings);
        SessionLog log = SessionLog.ofClients()) {
      RawClient silent = new RawClient(limited.port());
      assertThatThrownBy(() -> new RawClient(limited.port())).isInstanceOf(EOFException.class);
      assertThat(log.awaitLine("too many (")).contains("limits.silentPerClient, 1");
      try (RawClient other = loggedIn(limited, "127.0.0.2", "ada\nlovelace")) {
        assertThat(other.eval("1+1").asDouble()).isEqualTo(2);
      }

      silent.send(CMD_LOGIN, "ada\nlovelace");
      assertThat(silent.receive().isOk()).isTrue();
      assertThat(silent.eval("1+1").asDouble()).isEqualTo(2);
      try (RawClient next = loggedIn(limited, "127.0.0.1", "ada\nlovelace")) {
        assertThat(next.eval("1+1").asDouble()).isEqualTo(2);
      }
      silent.close();
    }
  }
}
