Feature: Whose data it is
  Versions belong to the user who uploaded them.

  @rule:private-to-owner
  Rule: On a server, another user cannot list, read, mount or delete your version: to them it is not found; a folder on your machine has one user
    Why: nobody but you decides about your data, and not even its name is anybody else's business.

    @scenario:another-user
    Scenario: Another user asks for your version
      Not on cli-embedded: a folder on your own machine has one user.
      Given "my-training-data" has version 1
      And another user, ben
      When ben asks for my version 1 of "my-training-data" in every way
      Then each of them is refused as not found
      And ben has no versions
      And version 1 of "my-training-data" is byte for byte what was uploaded

    @scenario:signed-in
    Scenario: Who signs in works with their own versions
      Not on api, ui: the API is told the user with every request, and the web UI before it shows anything.
      Not on cli-embedded: a folder on your own machine has one user.
      Given "my-training-data" has version 1
      And another user, ben
      When ben signs in at the server
      Then it is done
      And ben is told that he has 0 versions there
      And ben has no versions

    @scenario:same-name-two-users
    Scenario: Two users can use the same name
      Not on cli-embedded: a folder on your own machine has one user.
      Given "my-training-data" has version 1
      And another user, ben
      And ben has version 1 of a "my-training-data" of his own
      When ben deletes version 1 of "my-training-data"
      Then it is done
      And ben has no versions
      And version 1 of "my-training-data" is byte for byte what was uploaded

    @scenario:one-owner-of-a-folder
    Scenario: A folder on your machine has one user, whoever works in it
      Not on api, cli, ui: a server has users of its own, with a key each.
      Given "my-training-data" has versions 1 and 2
      And ben works in the same folder
      When ben deletes version 1 of "my-training-data"
      Then it is done
      And "my-training-data" has version 2
      And the history of version 1 of "my-training-data" says that ana created it and ben deleted it
