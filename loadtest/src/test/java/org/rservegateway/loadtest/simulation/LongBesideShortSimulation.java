package org.rservegateway.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.constantConcurrentUsers;
import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.details;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.Simulation;
import org.rservegateway.loadtest.qap.Qap;

/**
 * A few clients whose evaluations wait for seconds, and transfers of megabytes, beside short
 * sessions ({@code users} a second, 10), which must not wait for them.
 */
public class LongBesideShortSimulation extends Simulation {

  private static final int MEGABYTES = 20 << 20;

  public LongBesideShortSimulation() {
    Qap qap = Target.qap();
    setUp(
            scenario("short")
                .exec(
                    qap.connect("short connect"),
                    qap.eval("short eval", "1 + 1", 2),
                    qap.close("short close"))
                .injectOpen(constantUsersPerSec(Target.users(10)).during(Target.time(30))),
            scenario("long")
                .exec(
                    qap.connect("long connect"),
                    qap.eval("long eval", "Sys.sleep(3); 3", 3),
                    qap.assign("assign 20 MiB", "x", MEGABYTES),
                    qap.eval("length", "as.double(length(x))", MEGABYTES),
                    qap.download("transfer 20 MiB", "x", MEGABYTES),
                    qap.close("long close"))
                .injectClosed(constantConcurrentUsers(2).during(Target.time(30))))
        .assertions(
            global().failedRequests().count().is(0L),
            details("short eval").responseTime().percentile(50).lt(500));
  }
}
