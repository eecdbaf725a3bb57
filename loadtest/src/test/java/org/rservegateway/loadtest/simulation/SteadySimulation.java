package org.rservegateway.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.constantConcurrentUsers;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.Simulation;
import org.rservegateway.loadtest.qap.Qap;

/** So many clients at a time ({@code users}, 16), each with one short session after another. */
public class SteadySimulation extends Simulation {

  public SteadySimulation() {
    Qap qap = Target.qap();
    setUp(
            scenario("short sessions")
                .exec(qap.connect("connect"), qap.eval("eval", "1 + 1", 2), qap.close("close"))
                .injectClosed(constantConcurrentUsers(Target.users(16)).during(Target.time(30))))
        .assertions(global().failedRequests().count().is(0L));
  }
}
