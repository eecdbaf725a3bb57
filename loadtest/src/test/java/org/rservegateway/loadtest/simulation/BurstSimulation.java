package org.rservegateway.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.atOnceUsers;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.Simulation;
import org.rservegateway.loadtest.qap.Qap;

/** An exam begins: all clients ({@code users}, 500) come at once, and each is served in the end. */
public class BurstSimulation extends Simulation {

  public BurstSimulation() {
    Qap qap = Target.qap();
    setUp(
            scenario("burst")
                .exec(qap.connect("connect"), qap.eval("eval", "6 * 7", 42), qap.close("close"))
                .injectOpen(atOnceUsers(Target.users(500))))
        .assertions(global().failedRequests().count().is(0L));
  }
}
