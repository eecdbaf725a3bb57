package org.rservegateway.loadtest.simulation;

import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.details;
import static io.gatling.javaapi.core.CoreDsl.exec;
import static io.gatling.javaapi.core.CoreDsl.global;
import static io.gatling.javaapi.core.CoreDsl.percent;
import static io.gatling.javaapi.core.CoreDsl.randomSwitch;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.ChainBuilder;
import io.gatling.javaapi.core.Simulation;
import org.rservegateway.loadtest.qap.Qap;

/**
 * Online homework: short sessions that arrive at a steady rate ({@code users} a second, 20). Each
 * problem asks R for some numbers; one in ten has a plot; one client in twenty never closes its
 * connection. Nothing may fail.
 */
public class WebworkSimulation extends Simulation {

  private static final int PLOT_BYTES = 60_000;

  public WebworkSimulation() {
    Qap qap = Target.qap();
    ChainBuilder problem =
        exec(
            qap.eval("seed", "set.seed(6311); 1", 1),
            qap.eval("numbers", "mean(rnorm(1000)) * 0 + 7", 7),
            qap.eval("statistics", "x <- 1:200; round(coef(lm(2 * x + 1 ~ x))[[2]])", 2));
    ChainBuilder plot = exec(qap.download("plot", "raw(" + PLOT_BYTES + ")", PLOT_BYTES));
    setUp(
            scenario("homework")
                .exec(qap.connect("connect"))
                .exec(problem)
                .exec(randomSwitch().on(percent(10).then(plot)))
                .exec(randomSwitch().on(percent(95).then(exec(qap.close("close")))))
                .injectOpen(
                    constantUsersPerSec(Target.users(20)).during(Target.time(30)).randomized()))
        .assertions(
            global().failedRequests().count().is(0L),
            details("connect").responseTime().percentile(99).lt(2_000));
  }
}
