package org.rservegateway.protocol.qap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class QapCommandTest {

  @Test
  void codesAreThoseOfRserve() {
    String codes =
        Arrays.stream(QapCommand.values())
            .map(command -> "%03x %s".formatted(command.code(), command.protocolName()))
            .collect(Collectors.joining("\n"));

    // CMD_... of Rserve's src/Rsrv.h.
    assertThat(codes)
        .isEqualTo(
            """
            001 login
            002 voidEval
            003 eval
            004 shutdown
            005 switch
            006 keyReq
            007 secLogin
            00f OCcall
            010 openFile
            011 createFile
            012 closeFile
            013 readFile
            014 writeFile
            015 removeFile
            020 setSEXP
            021 assignSEXP
            030 detachSession
            031 detachedVoidEval
            032 attachSession
            042 ctrlEval
            044 ctrlShutdown
            045 ctrlSource
            081 setBufferSize
            082 setEncoding
            0f5 serEval
            0f6 serAssign
            0f7 serEEval""");
  }

  @Test
  void eachIsFoundByItsCodeAndNothingElseIs() {
    TreeMap<Integer, QapCommand> found = new TreeMap<>();
    for (int code = -1; code < 0x30000; code++) {
      int number = code;
      QapCommand.of(code).ifPresent(command -> found.put(number, command));
    }

    assertThat(found.values()).containsExactly(QapCommand.values());
    assertThat(found).allSatisfy((code, command) -> assertThat(command.code()).isEqualTo(code));
  }
}
