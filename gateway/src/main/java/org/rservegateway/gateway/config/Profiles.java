package org.rservegateway.gateway.config;

import java.net.InetAddress;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Profiles in their order: of those that match a client, the first counts. */
public record Profiles(List<Profile> all) {

  /** None. */
  static final Profiles NONE = new Profiles(List.of());

  /** Keeps a copy. */
  public Profiles {
    all = List.copyOf(all);
  }

  /** The environment can say that there are none; what they are stands in a file. */
  static Profiles parse(String text) {
    if (!text.equals("[]")) {
      throw new IllegalArgumentException("must stand in a file, as a list");
    }
    return NONE;
  }

  /** The one that is for this client; empty where the general settings count. */
  public Optional<Profile> of(InetAddress address, String user, boolean tls) {
    return all.stream().filter(profile -> profile.matches(address, user, tls)).findFirst();
  }

  /** The one of this name. */
  public Optional<Profile> named(String name) {
    return all.stream().filter(profile -> profile.name().equals(name)).findFirst();
  }

  /** Their names. */
  @Override
  public String toString() {
    return all.stream().map(Profile::name).collect(Collectors.joining(", ", "[", "]"));
  }
}
