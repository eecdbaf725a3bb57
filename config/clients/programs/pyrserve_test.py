"""pyRserve on the Rserve, or the gateway, that RSERVE_HOST and RSERVE_PORT name."""

import os

import numpy
import pyRserve
import pytest
from pyRserve.rexceptions import REvalError, RResponseError


@pytest.fixture
def r():
    connection = pyRserve.connect(os.environ["RSERVE_HOST"], int(os.environ["RSERVE_PORT"]))
    yield connection
    if not connection.isClosed:
        connection.close()


@pytest.mark.parametrize(
    "expression, value",
    [
        ("1+1", 2.0),
        ("7L", 7),
        ("'word'", "word"),
        ("'gr\u00fc\u00dfe'", "gr\u00fc\u00dfe"),
        ("TRUE", True),
        ("3+4i", 3 + 4j),
        ("NULL", None),
    ],
    ids=["double", "integer", "string", "unicode", "logical", "complex", "null"],
)
def test_value(r, expression, value):
    assert r.eval(expression) == value


def test_vectors(r):
    assert list(r.eval("c(1.5, 2.5, 4)")) == [1.5, 2.5, 4]
    assert list(r.eval("1:5")) == [1, 2, 3, 4, 5]
    assert list(r.eval("c('a', 'b')")) == ["a", "b"]
    assert list(r.eval("c(TRUE, FALSE, TRUE)")) == [True, False, True]


def test_matrix_keeps_its_shape(r):
    r.r.m = numpy.arange(6, dtype=float).reshape(2, 3)
    assert list(r.eval("dim(m)")) == [2, 3]
    assert r.eval("m[2, 3]") == 5
    assert numpy.array_equal(r.r.m, numpy.arange(6, dtype=float).reshape(2, 3))


def test_named_list(r):
    found = r.eval("list(a = 1, b = 'two')")
    assert found["a"] == 1
    assert found["b"] == "two"


def test_data_frame(r):
    assert list(r.eval("data.frame(x = 1:3, y = c(2, 4, 6))")["y"]) == [2, 4, 6]


def test_assigned_values_are_kept_between_commands(r):
    r.r.x = 20.5
    r.r.words = numpy.array(["one", "two"])
    r.voidEval("y <- 2 * x")
    assert r.r.y == 41
    assert r.eval("paste(words, collapse = ' ')") == "one two"


def test_functions_of_r_are_called(r):
    assert r.r.sum(numpy.array([1, 2, 3.5])) == 6.5
    assert r.r.paste("a", "b", sep="-") == "a-b"
    r.voidEval("double <- function(v) 2 * v")
    assert r.r.sapply(-5, r.r.double) == -10


def test_error_has_its_message_and_the_session_goes_on(r):
    with pytest.raises(REvalError, match="on purpose"):
        r.eval("stop('on purpose')")
    assert r.eval("1+1") == 2


def test_mistake_of_syntax_is_an_error(r):
    with pytest.raises(REvalError):
        r.eval("1 +* 2")
    assert r.eval("2+2") == 4


def test_large_value_to_r(r):
    sent = numpy.arange(3_000_000, dtype=numpy.float64)
    r.r.large = sent
    assert r.eval("sum(large)") == sent.sum()


def test_large_value_from_r(r):
    found = r.eval("as.numeric(1:3000000)")
    assert found.size == 3_000_000
    assert found[-1] == 3_000_000


def test_out_of_band_messages_are_answered(r):
    heard = []

    def answer(data, code=0):
        heard.append((code, data))
        return 42

    with pyRserve.rconn.OOBCallback(r, answer):
        assert r.eval("{ self.oobSend('hello', 3L); self.oobMessage('question', 5L) }") == 42
    assert heard == [(3, "hello"), (5, "question")]


def test_many_small_commands(r):
    assert [r.eval("%d*2" % i) for i in range(500)] == [2 * i for i in range(500)]


def test_sessions_share_no_variables(r):
    r.voidEval("secret <- 1")
    other = pyRserve.connect(os.environ["RSERVE_HOST"], int(os.environ["RSERVE_PORT"]))
    assert other.eval("exists('secret')") is False
    other.close()


def test_code_of_a_command_that_rserve_does_not_know(r):
    r.sock.sendall((0x99).to_bytes(4, "little") + bytes(12))
    with pytest.raises(RResponseError, match="ERR_inv_cmd"):
        pyRserve.rparser.rparse(r.sock)
    assert r.eval("1+1") == 2


def test_zz_shutdown_ends_the_server(r):
    """The last one: directly it ends the Rserve."""
    r.shutdown()
    with pytest.raises((pyRserve.rexceptions.RConnectionRefused, AssertionError, OSError)):
        for _ in range(20):
            pyRserve.connect(os.environ["RSERVE_HOST"], int(os.environ["RSERVE_PORT"])).close()
