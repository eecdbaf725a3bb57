# RSclient on the Rserve, or the gateway, that the arguments name: HOST PORT LOGIN_PORT. Prints TAP.
arguments <- commandArgs(TRUE)
host <- arguments[1]
port <- as.integer(arguments[2])
login.port <- as.integer(arguments[3])
library(RSclient)
options(timeout = 5) # what a socket of R's is waited for

number <- 0
test <- function(name, code) {
  number <<- number + 1
  result <- tryCatch(isTRUE(code), error = function(e) { cat("#", conditionMessage(e), "\n"); FALSE })
  cat(if (result) "ok" else "not ok", number, "-", name, "\n")
}
fails <- function(code) inherits(try(code, silent = TRUE), "try-error")
with.connection <- function(f) {
  connection <- RS.connect(host, port)
  on.exit(RS.close(connection))
  f(connection)
}
with.socket <- function(f) {
  connection <- RSconnect(host, port)
  on.exit(try(RSclose(connection), silent = TRUE))
  f(connection)
}

# The functions in C: RS.

test("RS.connect connects, RS.close closes", {
  connection <- RS.connect(host, port)
  connected <- inherits(connection, "RserveConnection")
  RS.close(connection)
  connected
})
test("RS.eval evaluates an expression", with.connection(function(c) RS.eval(c, sum(1:100)) == 5050))
test("RS.eval evaluates a value that is an expression", with.connection(function(c) RS.eval(c, quote(1 + 1), lazy = FALSE) == 2))
test("RS.eval reads an error, and the session goes on", with.connection(function(c)
  inherits(RS.eval(c, try(stop("on purpose"), silent = TRUE)), "try-error") && fails(RS.eval(c, stop("on purpose"))) && RS.eval(c, 1) == 1))
test("RS.eval keeps values between commands", with.connection(function(c) { RS.eval(c, x <- 42); RS.eval(c, x) == 42 }))
test("RS.eval moves a large value", with.connection(function(c) identical(RS.eval(c, as.numeric(1:3000000)), as.numeric(1:3000000))))
test("RS.eval.qap evaluates", with.connection(function(c) identical(RS.eval.qap(c, quote(c(a = 1, b = 2))), c(a = 1, b = 2))))
test("RS.assign assigns a value by its name", with.connection(function(c) {
  RS.assign(c, "frame", data.frame(x = 1:3))
  identical(RS.eval(c, frame), data.frame(x = 1:3))
}))
test("RS.assign assigns a variable", with.connection(function(c) {
  variable <- "its value"
  RS.assign(c, variable)
  RS.eval(c, variable) == "its value"
}))
test("RS.assign moves a large value", with.connection(function(c) {
  RS.assign(c, "large", as.numeric(1:3000000))
  RS.eval(c, sum(large)) == sum(as.numeric(1:3000000))
}))
test("RS.collect collects what was not waited for", with.connection(function(c) {
  RS.eval(c, { Sys.sleep(0.2); "later" }, wait = FALSE)
  RS.collect(c, timeout = 10) == "later"
}))
test("RS.collect collects from the first connection that answers", {
  slow <- RS.connect(host, port)
  fast <- RS.connect(host, port)
  RS.eval(slow, { Sys.sleep(2); "slow" }, wait = FALSE)
  RS.eval(fast, "fast", wait = FALSE)
  connections <- list(slow, fast)
  found <- c(RS.collect(connections, timeout = 10, detail = TRUE)$value, RS.collect(connections, timeout = 10, detail = TRUE)$value)
  RS.close(slow)
  RS.close(fast)
  identical(found, c("fast", "slow"))
})
test("RS.collect ends when its time is over", with.connection(function(c) {
  RS.eval(c, { Sys.sleep(1); 1 }, wait = FALSE)
  is.null(RS.collect(c, timeout = 0.2)) && RS.collect(c, timeout = 10) == 1
}))
test("RS.collect reads QAP", with.connection(function(c) {
  RS.eval.qap(c, quote(21 * 2), wait = FALSE)
  RS.collect(c, timeout = 10, qap = TRUE) == 42
}))
test("RS.oobCallbacks hears and answers", with.connection(function(c) {
  heard <- NULL
  RS.oobCallbacks(c, send = function(code, payload) heard <<- c(heard, code, payload), msg = function(code, payload) payload + code)
  answer <- RS.eval(c, { Rserve::self.oobSend(7, 3L); Rserve::self.oobMessage(10, 5L) })
  identical(as.numeric(heard), c(3, 7)) && answer == 15 && is.function(RS.oobCallbacks(c)$send)
}))
test("RS.server.eval is refused", with.connection(function(c) fails(RS.server.eval(c, "1"))))
test("RS.server.source is refused", with.connection(function(c) fails(RS.server.source(c, "/nowhere.R"))))
test("RS.server.shutdown is refused", with.connection(function(c) fails(RS.server.shutdown(c))))
test("RS.switch to TLS is refused", { c <- RS.connect(host, port); refused <- fails(RS.switch(c, "TLS", verify = FALSE)); try(RS.close(c), silent = TRUE); refused })
test("RS.authkey gives a key on a port with a login", { c <- RS.connect(host, login.port); key <- RS.authkey(c); RS.close(c); is.raw(key) && length(key) > 0 })
test("RS.login logs in", {
  c <- RS.connect(host, login.port)
  RS.login(c, "roger", "testpassword", authkey = RS.authkey(c))
  found <- RS.eval(c, 1 + 1)
  RS.close(c)
  found == 2
})
test("connections are compared", with.connection(function(c) with.connection(function(d) c == c && c != d)))

# The functions in R: RS without a dot

test("RSconnect connects, RSclose closes", with.socket(function(c) inherits(c, "sockconn")))
test("RSeval evaluates text", with.socket(function(c) RSeval(c, "sum(1:100)") == 5050))
test("RSeval evaluates an expression", with.socket(function(c) RSeval(c, quote(6 * 7)) == 42))
test("RSeval reads an error", with.socket(function(c) fails(RSeval(c, "stop('on purpose')"))))
test("RSassign assigns", with.socket(function(c) { RSassign(c, 1:5, "five"); identical(RSeval(c, "five"), 1:5) }))
test("RSlogin logs in", {
  c <- RSconnect(host, login.port)
  logged.in <- RSlogin(c, "roger", "testpassword") && RSeval(c, "1+1") == 2
  RSclose(c)
  logged.in
})
test("RSlogin is refused with a wrong password", { c <- RSconnect(host, login.port); refused <- !RSlogin(c, "roger", "wrong", silent = TRUE); RSclose(c); refused })
test("RSserverEval is refused", with.socket(function(c) fails(RSserverEval(c, "1"))))
test("RSserverSource is refused", with.socket(function(c) fails(RSserverSource(c, "/nowhere.R"))))
test("RSshutdown of the control commands is refused", with.socket(function(c) fails(RSshutdown(c, ctrl = TRUE))))
test("RSdetach detaches, RSattach attaches", {
  c <- RSconnect(host, port)
  RSassign(c, 17, "kept")
  c <- RSattach(RSdetach(c))
  found <- RSeval(c, "kept")
  RSclose(c)
  found == 17
})
test("RSevalDetach evaluates without anybody, RSattach attaches", {
  c <- RSattach(RSevalDetach(RSconnect(host, port), "kept <- 18"))
  found <- RSeval(c, "kept")
  RSclose(c)
  found == 18
})
test("RSshutdown ends the server", {
  c <- RSconnect(host, port)
  RSshutdown(c)
  try(RSclose(c), silent = TRUE)
  ended <- FALSE
  for (i in 1:50) {
    again <- suppressWarnings(try(socketConnection(host, port, open = "a+b", blocking = TRUE), silent = TRUE))
    if (inherits(again, "try-error")) { ended <- TRUE; break }
    close(again)
    Sys.sleep(0.1)
  }
  ended
})
cat("1..", number, "\n", sep = "")
