package org.rservegateway.gateway;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The dependencies between the gateway's packages run one way. */
class ArchitectureTest {

  private static final String ROOT = "org.rservegateway.gateway";

  private final JavaClasses classes =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  @Test
  void noPackagesDependOnEachOtherInACircle() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(classes);
  }

  @Test
  void theWiringIsUsedByTheProgramOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ROOT, ROOT + ".cli")
        .should()
        .dependOnClassesThat()
        .resideInAPackage(ROOT)
        .check(classes);
  }

  @Test
  void sessionsKnowNothingOfPortsNorOfTheAdminPort() {
    noClasses()
        .that()
        .resideInAnyPackage(ROOT + ".session", ROOT + ".pool", ROOT + ".backend")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(ROOT + ".frontend", ROOT + ".admin", ROOT + ".auth")
        .check(classes);
  }
}
