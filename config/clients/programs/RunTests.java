import java.util.HashSet;
import java.util.Set;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/** Runs a class of JUnit 4 tests and prints a line for each: pass, fail or skip, a tab, its name. */
public class RunTests {
  public static void main(String[] arguments) throws Exception {
    Set<Description> told = new HashSet<>();
    JUnitCore core = new JUnitCore();
    core.addListener(
        new RunListener() {
          @Override
          public void testFailure(Failure failure) {
            tell("fail", failure.getDescription());
            System.err.println(failure.getTrace());
          }

          @Override
          public void testAssumptionFailure(Failure failure) {
            tell("skip", failure.getDescription());
          }

          @Override
          public void testIgnored(Description test) {
            tell("skip", test);
          }

          @Override
          public void testFinished(Description test) {
            tell("pass", test);
          }

          private void tell(String verdict, Description test) {
            if (told.add(test)) {
              System.out.println(verdict + "\t" + test.getDisplayName());
            }
          }
        });
    core.run(Class.forName(arguments[0]));
    System.exit(0);
  }
}
