package org.rservegateway;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The dependencies between the packages that both programs share run one way. */
class ArchitectureTest {

  private static final String ROOT = "org.rservegateway";
  private static final String PROTOCOL = ROOT + ".protocol..";
  private static final String SUPPORT = ROOT + ".support..";

  private final JavaClasses shared =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT + ".protocol", ROOT + ".support");

  @Test
  void noPackagesDependOnEachOtherInACircle() {
    slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(shared);
  }

  @Test
  void protocolAndSupportKnowNothingOfEachOther() {
    noClasses()
        .that()
        .resideInAPackage(PROTOCOL)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(SUPPORT)
        .check(shared);
    noClasses()
        .that()
        .resideInAPackage(SUPPORT)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(PROTOCOL)
        .check(shared);
  }

  /** It is given buffers, and a channel by its pipeline; it opens, reads and starts nothing. */
  @Test
  void theProtocolDoesNoInputOrOutputOfItsOwn() {
    noClasses()
        .that()
        .resideInAPackage(PROTOCOL)
        .should()
        .dependOnClassesThat(
            resideInAnyPackage(
                "java.io..",
                "java.nio.file..",
                "java.util.concurrent..",
                "io.netty.bootstrap..",
                "io.netty.channel.*..",
                "org.slf4j.."))
        .orShould()
        .dependOnClassesThat()
        .haveNameMatching("java\\.net\\..*(Socket|Channel|Address|Connection).*")
        .check(shared);
  }
}
