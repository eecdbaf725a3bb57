package org.rservegateway.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.percent;
import static io.gatling.javaapi.core.CoreDsl.randomSwitch;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.Simulation;
import java.time.Duration;
import org.rservegateway.loadtest.qap.Qap;

/**
 * The same for a long time ({@code seconds}, an hour): sessions that think between two evaluations
 * ({@code users} begin a second, 5), some of which are never closed.
 */
public class SoakSimulation extends Simulation {

  private static final int HOUR = 3600;
  private static final Duration THINKS = Duration.ofSeconds(2);

  public SoakSimulation() {
    Qap qap = Target.qap();
    setUp(
            scenario("soak")
                .exec(qap.connect("connect"))
                .repeat(3)
                .on(exec(qap.eval("eval", "sum(1:100)")).pause(THINKS))
                .exec(randomSwitch().on(percent(98).then(exec(qap.close("close")))))
                .injectOpen(constantUsersPerSec(Target.users(5)).during(Target.time(HOUR))))
        .assertions(global().failedRequests().count().is(0L));
  }
}
