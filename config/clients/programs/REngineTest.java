import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.rosuda.REngine.REXP;
import org.rosuda.REngine.REXPDouble;
import org.rosuda.REngine.REXPFactor;
import org.rosuda.REngine.REXPGenericVector;
import org.rosuda.REngine.REXPInteger;
import org.rosuda.REngine.REXPLogical;
import org.rosuda.REngine.REXPRaw;
import org.rosuda.REngine.REXPString;
import org.rosuda.REngine.RFactor;
import org.rosuda.REngine.RList;
import org.rosuda.REngine.Rserve.RConnection;
import org.rosuda.REngine.Rserve.RserveException;

/** REngine on the Rserve, or the gateway, that the properties host, port and login name. */
public class REngineTest {

  private static final String HOST = System.getProperty("host");

  private RConnection connection;

  @Before
  public void connect() throws Exception {
    connection = new RConnection(HOST, Integer.getInteger("port"));
  }

  @After
  public void close() {
    connection.close();
  }

  @Test
  public void evaluates() throws Exception {
    assertEquals(2, connection.eval("1+1").asDouble(), 0);
    assertEquals("R speaks", connection.eval("paste('R', 'speaks')").asString());
    assertArrayEquals(new int[] {1, 2, 3}, connection.eval("1:3").asIntegers());
    assertArrayEquals(new String[] {"a", null}, connection.eval("c('a', NA)").asStrings());
    assertTrue(connection.eval("NULL").isNull());
  }

  @Test
  public void readsTheServersVersion() {
    assertEquals(103, connection.getServerVersion());
    assertFalse(connection.needLogin());
  }

  @Test
  public void readsLists() throws Exception {
    RList list = connection.eval("list(a = 1:2, b = list('x', TRUE))").asList();

    assertArrayEquals(new int[] {1, 2}, list.at("a").asIntegers());
    assertEquals("x", list.at("b").asList().at(0).asString());
  }

  @Test
  public void readsAttributes() throws Exception {
    REXP matrix = connection.eval("matrix(1:6, 2)");

    assertArrayEquals(new int[] {2, 3}, matrix.dim());
  }

  @Test
  public void assignsEachType() throws Exception {
    connection.assign("d", new REXPDouble(new double[] {1.5, REXPDouble.NA}));
    connection.assign("i", new REXPInteger(new int[] {1, 2}));
    connection.assign("s", new REXPString(new String[] {"one", null}));
    connection.assign("l", new REXPLogical(new boolean[] {true, false}));
    connection.assign("r", new REXPRaw(new byte[] {1, 2, 3}));
    connection.assign("f", new REXPFactor(new RFactor(new String[] {"u", "v", "u"})));
    connection.assign("word", "a word");

    assertTrue(isTrue("identical(d, c(1.5, NA))"));
    assertTrue(isTrue("identical(i, 1:2)"));
    assertTrue(isTrue("identical(s, c('one', NA))"));
    assertTrue(isTrue("identical(l, c(TRUE, FALSE))"));
    assertTrue(isTrue("identical(r, as.raw(1:3))"));
    assertTrue(isTrue("identical(as.character(f), c('u', 'v', 'u'))"));
    assertTrue(isTrue("identical(word, 'a word')"));
  }

  @Test
  public void assignsADataFrame() throws Exception {
    RList columns = new RList();
    columns.put("x", new REXPInteger(new int[] {1, 2}));
    columns.put("y", new REXPString(new String[] {"a", "b"}));

    connection.assign("frame", REXP.createDataFrame(columns));
    connection.assign("list", new REXPGenericVector(columns));

    assertTrue(isTrue("is.data.frame(frame) && identical(frame$y, c('a', 'b'))"));
    assertTrue(isTrue("identical(list, list(x = 1:2, y = c('a', 'b')))"));
  }

  @Test
  public void keepsWhatIsNotAscii() throws Exception {
    connection.setStringEncoding("utf8");
    connection.assign("s", "\u3072\u3089\u304c\u306a");

    assertEquals(4, connection.eval("nchar(s)").asInteger());
    assertEquals("\u3072\u3089\u304c\u306a", connection.eval("s").asString());
  }

  @Test
  public void readsErrorsOfRsAndGoesOn() throws Exception {
    RserveException error =
        assertThrows(RserveException.class, () -> connection.eval("stop('on purpose')"));
    assertThrows(RserveException.class, () -> connection.voidEval("1 +* 2"));

    assertEquals(127, error.getRequestReturnCode());
    assertEquals(2, connection.eval("1+1").asDouble(), 0);
  }

  @Test
  public void movesLargeValues() throws Exception {
    double[] values = new double[3_000_000];
    Arrays.setAll(values, i -> i);
    connection.assign("large", values);

    assertTrue(isTrue("identical(large, as.numeric(0:2999999))"));
    assertArrayEquals(values, connection.eval("large").asDoubles(), 0);
  }

  @Test
  public void writesReadsAndRemovesAFile() throws Exception {
    byte[] text = "a,b\n1,2\n3,4\n".getBytes(StandardCharsets.US_ASCII);
    try (var file = connection.createFile("data.csv")) {
      file.write(text);
    }

    assertEquals(6, connection.eval("sum(read.csv('data.csv')$b)").asInteger());
    try (var file = connection.openFile("data.csv")) {
      assertArrayEquals(text, file.readAllBytes());
    }
    connection.removeFile("data.csv");
    assertTrue(isTrue("!file.exists('data.csv')"));
  }

  @Test
  public void readsBackAPlot() throws Exception {
    connection.voidEval("pdf('plot.pdf'); plot(1:10); dev.off()");

    try (var file = connection.openFile("plot.pdf")) {
      String plot = new String(file.readAllBytes(), StandardCharsets.ISO_8859_1);
      assertTrue(plot.startsWith("%PDF") && plot.endsWith("%%EOF\n"));
    }
  }

  @Test
  public void isRefusedAFileThatIsNotThere() {
    assertThrows(java.io.IOException.class, () -> connection.openFile("nowhere"));
  }

  @Test
  public void growsTheBuffer() throws Exception {
    connection.setSendBufferSize(8 << 20);

    assertEquals(9_000_000, connection.eval("raw(9000000)").asBytes().length);
  }

  @Test
  public void readsThatControlCommandsAreRefused() {
    assertEquals(0x49, codeOf(() -> connection.serverEval("1")));
    assertEquals(0x49, codeOf(() -> connection.serverSource("/nowhere.R")));
    assertEquals(0x49, codeOf(() -> connection.serverShutdown()));
  }

  @Test
  public void detachesAndAttaches() throws Exception {
    connection.voidEval("kept <- 17");

    RConnection attached = connection.detach().attach();

    assertEquals(17, attached.eval("kept").asInteger());
    attached.close();
  }

  @Test
  public void logsIn() throws Exception {
    RConnection guarded = new RConnection(HOST, Integer.getInteger("login"));

    assertTrue(guarded.needLogin());
    guarded.login("roger", "testpassword");

    assertEquals(2, guarded.eval("1+1").asDouble(), 0);
    guarded.close();
  }

  @Test
  public void isRefusedWithAWrongPassword() throws Exception {
    RConnection guarded = new RConnection(HOST, Integer.getInteger("login"));

    assertThrows(RserveException.class, () -> guarded.login("roger", "wrong"));
  }

  @Test
  public void isRefusedWithoutALogin() throws Exception {
    RConnection guarded = new RConnection(HOST, Integer.getInteger("login"));

    assertEquals(0x41, codeOf(() -> guarded.eval("1+1")));
  }

  private boolean isTrue(String expression) throws Exception {
    return ((REXPLogical) connection.eval(expression)).isTRUE()[0];
  }

  private static int codeOf(org.junit.function.ThrowingRunnable command) {
    return assertThrows(RserveException.class, command).getRequestReturnCode();
  }
}
