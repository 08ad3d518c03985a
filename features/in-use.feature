Feature: Versions in use
  A Session or Run that mounts a version reads it while it works. Such a version cannot be deleted.

  @rule:in-use-refused
  Rule: A version that is mounted into a Session or Run cannot be deleted, and the refusal names every one that uses it
    Why: the work that reads the data would break. Who is named can be asked, or ended.

    @scenario:session-uses-it
    Scenario: A running Session uses the version
      Given "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I delete version 1 of "my-training-data"
      Then it is refused
      And the refusal names the Session "tuning", that it is running, since when, and how to release it
      And nothing has changed

    @scenario:run-uses-it
    Scenario: A Run uses the version
      Not on cli-embedded: a Run is a living command there, see "A Run uses its version while its process lives".
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Run "nightly"
      When I delete version 1 of "my-training-data"
      Then it is refused
      And the refusal names the Run "nightly", that it is running, since when, and how to release it
      And nothing has changed

    @scenario:several-use-it
    Scenario: Every one that uses the version is named
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      And version 1 of "my-training-data" is mounted into the Session "exploring"
      When I delete version 1 of "my-training-data"
      Then it is refused
      And the refusal names the Session "tuning", that it is running, since when, and how to release it
      And the refusal names the Session "exploring", that it is running, since when, and how to release it

    @scenario:same-sentence
    Scenario: The refusal is the same sentence wherever it is asked
      Not on api, cli, cli-embedded: this asks on the API, the command line and the web UI in one run.
      Given "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I delete version 1 of "my-training-data" on the API, on the command line and in the web UI
      Then each of them is refused
      And each says the same sentence
      And nothing has changed

    @scenario:asked-before-mounted
    Scenario: The page that asks was opened before somebody mounted the version
      Not on api, cli, cli-embedded: this is about the pages of the web UI.
      Given "my-training-data" has version 1
      When I am asked whether to delete version 1 of "my-training-data"
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      And I press the button
      Then it is refused
      And the refusal names the Session "tuning", that it is running, since when, and how to release it
      And "my-training-data" has version 1

  @rule:in-use-this-version
  Rule: A mount holds that version only, not its siblings
    Why: versions are independent; work on one is no reason to keep another.

    @scenario:sibling-in-use
    Scenario: A version whose sibling is in use can be deleted
      Given "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I delete version 2 of "my-training-data"
      Then it is done
      And "my-training-data" has version 1

    @scenario:mounted-shown
    Scenario: A version shows who uses it, and its sibling that nobody does
      Given "my-training-data" has versions 1 and 2
      When I mount version 1 of "my-training-data" into the Session "tuning"
      Then it is done
      And my Sessions show that "tuning" is running, with version 1 of "my-training-data"
      And version 1 of "my-training-data" shows that the Session "tuning" uses it
      And version 2 of "my-training-data" shows that nobody uses it

  @rule:in-use-until-released
  Rule: When the last Session or Run that uses it ends, the version can be deleted
    Why: nothing reads it any more.

    @scenario:released
    Scenario: The Session that used it is deleted
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I delete the Session "tuning"
      And I delete version 1 of "my-training-data"
      Then it is done
      And "my-training-data" has no versions

    @scenario:one-of-two-released
    Scenario: One of two Sessions still uses it
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      And version 1 of "my-training-data" is mounted into the Session "exploring"
      When I delete the Session "tuning"
      And I delete version 1 of "my-training-data"
      Then it is refused
      And the refusal names the Session "exploring", that it is running, since when, and how to release it
      And the refusal does not name "tuning"

    @scenario:run-ended
    Scenario Outline: A Run that has <ended> uses nothing
      Not on cli-embedded: a Run ends there with its command.
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Run "nightly"
      And the Run "nightly" has <ended>
      When I delete version 1 of "my-training-data"
      Then it is done

      Examples:
        | ended         |
        | succeeded     |
        | failed        |
        | been canceled |

    @scenario:run-reads
    Scenario: A Run reads its version, and uses it no longer when its command has ended
      Not on api, ui: there, a program runs the command and tells of it; see "A Run that has succeeded uses nothing".
      Given "my-training-data" has versions 1 and 2
      When I run the training on version 2 of "my-training-data" as the Run "nightly"
      Then it is done
      And the training read version 2 of "my-training-data", byte for byte
      When I delete version 2 of "my-training-data"
      Then it is done

    @scenario:run-canceled
    Scenario: A Run that I cancel uses nothing
      Given "my-training-data" has version 1
      And the Run "nightly" works with version 1 of "my-training-data"
      When I cancel the Run "nightly"
      Then it is done
      When I delete version 1 of "my-training-data"
      Then it is done

  @rule:in-use-paused
  Rule: A paused Session still uses its version
    Why: it can be resumed, and must then find the data it had.

    @scenario:paused
    Scenario: A paused Session keeps the version, and can be resumed
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I pause the Session "tuning"
      And I delete version 1 of "my-training-data"
      Then it is refused
      And the refusal names the Session "tuning", that it is paused, since when, and how to release it
      When I resume the Session "tuning"
      Then it is done

  @rule:in-use-at-request
  Rule: In use is judged at the moment the request is taken: a mount and a delete can never both succeed
    Why: between looking and acting somebody else may act, and one of the two would lose its data.

    @scenario:race
    Scenario: Many mount and delete the same versions at the same moment
      Given "my-training-data" has versions 1, 2, 3 and 4
      When each version is mounted by one client and deleted by another at the same moment
      Then of each version either the mount or the deletion succeeded, and not both
      And the versions that were mounted are byte for byte what was uploaded

  @rule:in-use-dead-holder
  Rule: A Run whose process died stops using its version when no heartbeat has come for 60 seconds, or what the operator sets
    Why: a crashed Run cannot release what it used. Waiting for it for ever would help nobody.

    @scenario:run-lives
    Scenario: A Run uses its version while its process lives
      Given the operator lets a Run miss its heartbeat for 4 seconds
      And "my-training-data" has version 1
      And the Run "nightly" works with version 1 of "my-training-data" for longer than that
      When I delete version 1 of "my-training-data"
      Then it is refused
      And the refusal names the Run "nightly", that it is running, since when, and how to release it

    @scenario:run-died
    Scenario: A Run whose process was killed
      Given the operator lets a Run miss its heartbeat for 10 seconds
      And "my-training-data" has version 1
      And the Run "nightly" works with version 1 of "my-training-data"
      When the Run's process is killed
      And I delete version 1 of "my-training-data"
      Then it is refused
      When no heartbeat of it has come in time
      And I delete version 1 of "my-training-data"
      Then it is done

    @scenario:sixty-seconds
    Scenario: It is 60 seconds when nobody sets another time
      Not on cli, ui, cli-embedded: they say who uses a version, and not for how long without a heartbeat.
      Given "my-training-data" has version 1
      When a Run "nightly" begins with version 1 of "my-training-data"
      Then it may miss its heartbeat for 60 seconds

    @scenario:run-ends
    Scenario: A Run that ends releases its version at once
      Not on api, ui: there, who sends the heartbeats tells the end; see "A Run that has succeeded uses nothing".
      Given "my-training-data" has version 1
      And the Run "nightly" works with version 1 of "my-training-data"
      When its command ends with exit code 3
      Then the Run passes exit code 3 on
      When I delete version 1 of "my-training-data"
      Then it is done

  @rule:in-use-no-mount-after
  Rule: A version that is deleted, or still uploading, cannot be mounted
    Why: a Session would start without its data, or with half of it.

    @scenario:mount-deleted
    Scenario: A deleted version cannot be mounted
      Given "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" was deleted
      When I mount version 1 of "my-training-data" into the Session "tuning"
      Then it is refused
      And there is no Session "tuning"

    @scenario:mount-uploading
    Scenario: A version that is still uploading cannot be mounted
      Not on cli-embedded: an upload there is one command, which finishes or leaves nothing.
      Given an upload to "my-training-data" is under way
      When I mount version 1 of "my-training-data" into the Session "tuning"
      Then it is refused
      And I am told "uploading"
      And there is no Session "tuning"
