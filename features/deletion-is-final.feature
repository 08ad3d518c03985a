Feature: Deletion is immediate and final
  When success is reported, the version is gone for everybody and a removal routine erases its data. Please be careful.

  @rule:delete-immediate
  Rule: Once success is reported the version cannot be listed, read, downloaded or mounted, and its quota place is free
    Why: "deleted" that is only half true makes people delete twice, or count on data that is going away.

    @scenario:gone-at-once
    Scenario: A deleted version is gone at once
      Given "my-training-data" has versions 1 and 2
      When I delete version 1 of "my-training-data"
      Then it is done
      And "my-training-data" has version 2
      And the files of version 1 of "my-training-data" cannot be listed
      And version 1 of "my-training-data" cannot be downloaded
      And version 1 of "my-training-data" cannot be mounted
      And I have room for one version more than before

    @scenario:kept-addresses
    Scenario: An address of a file that was kept from before leads nowhere any more
      Not on cli, cli-embedded: a command hands out files, not addresses.
      Given "my-training-data" has versions 1 and 2
      And I have kept the addresses of the files of version 1 of "my-training-data"
      When I delete version 1 of "my-training-data"
      Then none of the addresses that I kept leads to a file

  @rule:delete-irreversible
  Rule: Nothing cancels, interrupts or reverses a deletion
    Why: the data is already being erased. A deletion that could be stopped half way would leave half of the data.

    @scenario:no-way-back
    Scenario: No operation brings a deleted version back
      Not on cli, ui, cli-embedded: there is no command or button that could; the API is asked for every one it might have.
      Given "my-training-data" has version 1
      When I delete version 1 of "my-training-data"
      And I try every way to bring version 1 of "my-training-data" back
      Then each of them is refused
      And "my-training-data" has no versions

    @scenario:killed-right-after-success
    Scenario: A deletion that was reported is finished, whatever happens then
      Given "field-notes" has a version 1 with many large files
      When I delete version 1 of "field-notes", and everything is killed right after success is reported
      And everything is started again
      Then "field-notes" has no versions
      And no byte of version 1 of "field-notes" is left in storage

    @scenario:upload-again
    Scenario: Uploading the same data again makes a new version, not the old one
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" was deleted
      When I upload the same data to "my-training-data" again
      Then "my-training-data" has version 2

  @rule:delete-removes-bytes
  Rule: The removal erases every byte of the version and records when; a copy of a Run is erased by the deletion, or by the next grid command on its machine for the same datastores
    Why: what a person deletes should not lie on a disk for somebody else to find.

    @scenario:no-byte-left
    Scenario: The bytes are erased, and the history says when
      Given "my-training-data" has versions 1 and 2, with data that nothing else has
      When I delete version 1 of "my-training-data"
      Then no byte of version 1 of "my-training-data" is left in storage
      And the history of version 1 of "my-training-data" tells when its bytes were gone
      And version 2 of "my-training-data" is byte for byte what was uploaded

    @scenario:copy-erased-here
    Scenario: The copy that a Run made on this machine goes with the version
      Not on api, ui: a copy lies where "grid run" ran its command, and so does the command that erases it.
      Given "my-training-data" has versions 1 and 2, with data that nothing else has
      And the Run "nightly" has used version 1 of "my-training-data"
      When I delete version 1 of "my-training-data"
      Then no byte of version 1 of "my-training-data" is left on this machine

    @scenario:copy-erased-elsewhere
    Scenario: The copy that a Run made on this machine goes with a version that was deleted elsewhere
      Not on api, ui: a copy lies where "grid run" ran its command, and so does the command that erases it.
      Not on cli-embedded: without a server, the versions lie on the machine of their Runs, and are deleted there.
      Given "my-training-data" has versions 1 and 2, with data that nothing else has
      And the Run "nightly" has used version 1 of "my-training-data"
      When version 1 of "my-training-data" is deleted on another machine
      And I list my versions
      Then no byte of version 1 of "my-training-data" is left on this machine

    @scenario:copies-in-receipt
    Scenario: The receipt of a version that a Run has used speaks of copies
      Not on cli-embedded: without a server, no other machine has a copy.
      Given "my-training-data" has versions 1 and 2
      And the Run "nightly" has used version 1 of "my-training-data"
      When I delete version 1 of "my-training-data"
      Then the receipt says that another machine may have a copy
      When I delete version 2 of "my-training-data"
      Then the receipt says nothing of copies

    @scenario:which-are-deleted
    Scenario: A machine asks which of the versions that it has copies of are deleted
      Not on cli, ui, cli-embedded: each grid command asks by itself, where its machine has a copy.
      Given "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" was deleted
      When I ask which of versions 1 and 2 of "my-training-data" are deleted
      Then I am told of version 1 of "my-training-data" alone
