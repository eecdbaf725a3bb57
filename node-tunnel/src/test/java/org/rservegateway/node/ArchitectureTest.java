package org.rservegateway.node;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The dependencies between the node-tunnel's packages run one way. */
class ArchitectureTest {

  private static final String ROOT = "org.rservegateway.node";

  private final JavaClasses classes =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  @Test
  void noPackagesDependOnEachOtherInACircle() {
    slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(classes);
  }

  @Test
  void theWiringIsUsedByNothingElse() {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(ROOT)
        .check(classes);
  }

  /** From what is on the machine to what gateways see; each may use those before it. */
  @Test
  void eachLayerIsUsedByThoseAboveItOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("machine")
        .definedBy(ROOT + ".process", ROOT + ".workdir")
        .layer("reaper")
        .definedBy(ROOT + ".reaper")
        .layer("sessions")
        .definedBy(ROOT + ".metrics", ROOT + ".rsession")
        .layer("connections")
        .definedBy(ROOT + ".edge", ROOT + ".tunnel", ROOT + ".listener")
        .whereLayer("connections")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("sessions")
        .mayOnlyBeAccessedByLayers("connections")
        .whereLayer("reaper")
        .mayOnlyBeAccessedByLayers("sessions", "connections")
        .check(classes);
  }

  /** What ends R has a thread of its own: it must not wait for an event loop, nor hold one up. */
  @Test
  void theReaperKnowsNothingOfConnections() {
    noClasses()
        .that()
        .resideInAnyPackage(ROOT + ".process", ROOT + ".workdir", ROOT + ".reaper")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.netty..", "org.rservegateway.protocol..")
        .check(classes);
  }
}
