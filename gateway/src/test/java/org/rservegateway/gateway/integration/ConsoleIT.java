package org.rservegateway.gateway.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogType;

/** The console page in Chromium, on a gateway that works. Its screenshots are in {@code target}. */
class ConsoleIT {

  private static final Path SCREENSHOTS = Path.of("target", "screenshots");
  private static final Dimension DESK = new Dimension(1280, 1400);
  private static final Dimension TELEPHONE = new Dimension(390, 1600);

  /** Which profile a session has is to be seen. */
  private static final String PROFILES = "profiles: [{name: desk, from: [127.0.0.0/8]}]\n";

  private static TestCluster cluster;
  private static ChromeDriver browser;

  @BeforeAll
  static void start() throws Exception {
    cluster = TestCluster.start(2, Map.of("RCLOUD_POOL_WARM", "2", TestCluster.FILE, PROFILES));
    Files.createDirectories(SCREENSHOTS);
    browser = browser("--blink-settings=preferredColorScheme=1");
  }

  private static ChromeDriver browser(String... more) {
    ChromeOptions options = new ChromeOptions();
    options.setBinary(program("chromium"));
    options.addArguments(
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu");
    options.addArguments(more);
    ChromeDriverService driver =
        new ChromeDriverService.Builder()
            .usingDriverExecutable(Path.of(program("chromedriver")).toFile())
            .usingAnyFreePort()
            .build();
    return new ChromeDriver(driver, options);
  }

  private static String program(String name) {
    return Stream.of("/usr/bin/", "/usr/lib/chromium/", "/usr/lib/chromium-browser/")
        .map(directory -> directory + name)
        .filter(path -> Files.isExecutable(Path.of(path)))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(name + " is not installed"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (browser != null) {
      browser.quit();
    }
    if (cluster != null) {
      cluster.close();
    }
  }

  @BeforeEach
  void open() {
    browser.manage().window().setSize(DESK);
    browser.get(cluster.adminUri("/").toString());
    if (browser.executeScript("return sessionStorage.getItem('rcloud.admin.token')") == null) {
      logIn(TestCluster.ADMIN_TOKEN);
    }
    awaitText("#connection", "live");
  }

  private static void logIn(String token) {
    awaitText("#token-reason", "bring admin.token");
    find("#token").sendKeys(token);
    find("#token-dialog button[value=ok]").click();
  }

  @Test
  void thePageShowsNothingUntilTheTokenIsBrought() {
    browser.executeScript("sessionStorage.clear()");
    browser.get(cluster.adminUri("/").toString());

    logIn("a-wrong-one");
    await().atMost(TestCluster.PATIENCE).until(() -> find("#token-dialog").isDisplayed());
    assertThat(find("#nodes tbody").getText()).isEmpty();
    logIn(TestCluster.ADMIN_TOKEN);

    awaitText("#connection", "live");
    awaitText("#nodes tbody", "node1");
  }

  @AfterEach
  void nothingFailedInThePage() {
    assertThat(browser.manage().logs().get(LogType.BROWSER).getAll())
        .filteredOn(entry -> entry.getMessage().contains("Error"))
        .isEmpty();
    cluster.awaitQuiet();
  }

  private static WebElement find(String selector) {
    return browser.findElement(By.cssSelector(selector));
  }

  private static void awaitText(String selector, String text) {
    await()
        .atMost(TestCluster.PATIENCE)
        .ignoreExceptions()
        .untilAsserted(() -> assertThat(find(selector).getText()).contains(text));
  }

  private static void takePicture(String name) throws Exception {
    Files.write(SCREENSHOTS.resolve(name + ".png"), browser.getScreenshotAs(OutputType.BYTES));
  }

  @Test
  void aSessionAppearsRunsAndEndsByItsButton() throws Exception {
    try (RawClient client = new RawClient(cluster.port())) {
      RProcess r = RProcess.of(client);
      client.send("while (TRUE) {}");
      awaitText("#sessions tbody", "busy");
      awaitText("#now-sessions", "1");
      assertThat(find("#sessions tbody tr").getText())
          .contains("127.0.0.1:", "desk", "node", "eval");

      find("#sessions tbody button").click();

      assertThat(client.receive().error()).isEqualTo(0x64);
      r.assertGoneWithin(Duration.ofSeconds(3));
      awaitText("#message", "is ended");
      awaitText("#ended tbody", "operator: an operator has ended the session");
      awaitText("#reasons", "operator");
      await()
          .atMost(TestCluster.PATIENCE)
          .until(() -> browser.findElements(By.cssSelector("#sessions tbody tr")).isEmpty());
    }
  }

  @Test
  void sessionsAreSortedAndFilteredByKeyboardToo() throws Exception {
    List<RawClient> clients = new ArrayList<>();
    try {
      for (int i = 0; i < 5; i++) {
        RawClient client = RawClient.from("127.0.0.1" + i, cluster.port());
        clients.add(client);
        for (int j = 0; j <= i; j++) {
          assertThat(client.eval("1").isOk()).isTrue();
        }
      }
      WebElement commands = find("#sessions th[data-column=commands] button");
      commands.sendKeys(Keys.ENTER);
      awaitText("#sessions tbody tr:first-child", "127.0.0.14:");
      assertThat(find("#sessions th[data-column=commands]").getDomAttribute("aria-sort"))
          .isEqualTo("descending");
      commands.sendKeys(Keys.ENTER);
      awaitText("#sessions tbody tr:first-child", "127.0.0.10:");

      find("#filter-client").sendKeys("127.0.0.12");
      awaitText("#sessions-shown", "1 of 5");
      awaitText("#sessions tbody", "127.0.0.12:");
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
  }

  @Test
  void nodesAreTakenOutAndNewSessionsHeld() {
    find("#nodes tbody tr:first-child button").click();
    awaitText("#nodes tbody tr:first-child", "taken out");
    find("#nodes tbody tr:first-child button").click();
    awaitText("#nodes tbody tr:first-child", "ok");

    find("#pause").click();
    awaitText("#connection", "paused: new sessions wait");
    find("#pause").click();
    awaitText("#connection", "live");
    find("#reload").click();
    awaitText("#message", "Nothing is different.");
  }

  @Test
  void itFitsADeskAndATelephoneInLightAndDark() throws Exception {
    ChromeDriver light = browser;
    try (Load load = Load.untilStopped(cluster.port(), 3);
        RawClient idle = new RawClient(cluster.port())) {
      assertThat(idle.eval("1").isOk()).isTrue();
      awaitText("#sessions tbody", "idle");
      await().atMost(TestCluster.PATIENCE).until(() -> load.done() > 200);
      takePicture("desk-light");
      browser.manage().window().setSize(TELEPHONE);
      assertNothingOverflows();
      takePicture("telephone-light");

      browser = browser("--blink-settings=preferredColorScheme=0");
      try {
        open();
        awaitText("#sessions tbody", "idle");
        assertThat(find("body").getCssValue("background-color")).contains("20, 23, 29");
        assertNothingOverflows();
        takePicture("desk-dark");
        browser.manage().window().setSize(TELEPHONE);
        assertNothingOverflows();
        takePicture("telephone-dark");
      } finally {
        browser.quit();
        browser = light;
      }
    }
  }

  /** Tables may be wider than the page, and scroll by themselves. */
  private static void assertNothingOverflows() {
    await()
        .atMost(TestCluster.PATIENCE)
        .untilAsserted(
            () ->
                assertThat(
                        (Boolean)
                            browser.executeScript(
                                "const page = document.documentElement;"
                                    + " return page.scrollWidth <= page.clientWidth"))
                    .isTrue());
  }
}
