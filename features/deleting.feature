Feature: Deleting a version
  Once a version is no longer needed, or the quota is full, it can be deleted. Deletion takes the name of the datastore
  and the number of the version.

  @rule:delete-exactly-one
  Rule: Deleting a version deletes that version and no other
    Why: a name can have many versions, and most of them may still matter to somebody.

    @scenario:delete-two-of-four
    Scenario: Keep the versions you are happy with
      I have versions 1, 2, 3 and 4 of "my-training-data" and am only happy with versions 2 and 4.

      Given "my-training-data" has versions 1, 2, 3 and 4
      When I delete version 1 of "my-training-data"
      Then it is done
      When I delete version 3 of "my-training-data"
      Then it is done
      And "my-training-data" has versions 2 and 4
      And version 2 of "my-training-data" is byte for byte what was uploaded
      And version 4 of "my-training-data" is byte for byte what was uploaded

    @scenario:same-number-other-name
    Scenario: The same number under another name stays
      Given "my-training-data" has versions 1 and 2
      And "my-test-data" has versions 1 and 2
      When I delete version 1 of "my-training-data"
      Then "my-training-data" has version 2
      And "my-test-data" has versions 1 and 2

    @scenario:last-version
    Scenario: The last version can be deleted, too
      Given "my-training-data" has version 1
      When I delete version 1 of "my-training-data"
      Then it is done
      And "my-training-data" has no versions

    @scenario:receipt
    Scenario: The receipt says what went, what stays, and how many versions are left
      Given "my-training-data" has versions 1 and 2
      When I delete version 1 of "my-training-data"
      Then the receipt says that version 1 went, with its files and bytes
      And the receipt says that version 2 stays, with its fingerprint
      And the receipt says that I had 2 versions and now have 1

    @scenario:ask-first
    Scenario: Ask what would happen before it happens
      Given "my-training-data" has versions 1 and 2
      When I ask what deleting version 1 of "my-training-data" would do
      Then it is done
      And the receipt says that version 2 stays, with its fingerprint
      And nothing has changed

    @scenario:ask-first-in-use
    Scenario: The answer to that question is the one that a deletion would get
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I ask what deleting version 1 of "my-training-data" would do
      Then it is refused
      And the refusal names the Session "tuning", that it is running, since when, and how to release it
      And nothing has changed

    @scenario:several-at-once
    Scenario: Several versions in one command, each with its own verdict
      Not on api, ui: there, one request or button deletes one version.
      Given "my-training-data" has versions 1, 2, 3 and 4
      And version 3 of "my-training-data" is mounted into the Session "tuning"
      When I type "grid datastore delete --name my-training-data --version 1 --version 3 --version 4"
      Then it is refused
      And the refusal names the Session "tuning", that it is running, since when, and how to release it
      And "my-training-data" has versions 2 and 3

    @scenario:page-command
    Scenario: The command of the guide runs as it is written
      Not on api, ui: this is about the command line.
      Given "my-training-data" has versions 1, 2, 3 and 4
      When I type "grid datastore delete --name my-training-data --version 1 --version 3"
      Then it is done
      And "my-training-data" has versions 2 and 4

    @scenario:first-steps
    Scenario: The first steps of the guide run as they are written
      Not on api, ui: this is about the command line.
      Given the example data of the project
      When I type "grid datastore create data/penguins --name my-training-data"
      Then it is done
      When I type "grid datastore create data/penguins/penguins.csv --name my-training-data"
      Then it is done
      And "my-training-data" has versions 1 and 2
      When I type "grid datastore delete --name my-training-data --version 1 --dry-run"
      Then it is done
      And "my-training-data" has versions 1 and 2
      When I type "grid datastore delete --name my-training-data --version 1"
      Then it is done
      And "my-training-data" has version 2

  @rule:delete-needs-both
  Rule: Deletion takes the name and the version
    Why: a missing version is a slip of the hand, and must never mean the latest one, or all of them.

    @scenario:version-missing
    Scenario: Without a version nothing is deleted
      Not on ui: a deletion begins there at the version itself, see "The page that asks names one version".
      Given "my-training-data" has versions 1 and 2
      When I ask to delete "my-training-data" without a version
      Then it is a usage error
      And nothing has changed

    @scenario:name-missing
    Scenario: Without a name nothing is deleted
      Not on ui: a deletion begins there at the version itself, see "The page that asks names one version".
      Given "my-training-data" has versions 1 and 2
      When I ask to delete version 1 without a name
      Then it is a usage error
      And nothing has changed

    @scenario:not-a-name
    Scenario Outline: What cannot be a name is told so, and nothing is deleted
      Not on api, ui: there a version is named by its id, or chosen from a list.
      Given "my-training-data" has version 1
      When I ask to delete version 1 of <name>
      Then it is a usage error
      And nothing has changed

      Examples:
        | name                    |
        | "../my-training-data"   |
        | "my-training-data/1"    |
        | "my training data"      |
        | "my.training.data"      |
        | "🐧"                    |
        | ""                      |
        | a name of 300 letters   |

    @scenario:page-names-one
    Scenario: The page that asks names one version
      Not on api, cli, cli-embedded: this is about the pages of the web UI.
      Given "my-training-data" has versions 1, 2, 3 and 4
      When I am asked whether to delete version 1 of "my-training-data"
      Then the heading and the only button name version 1 of "my-training-data"
      And I see what it holds, where it came from, and that versions 2, 3 and 4 stay
      And nothing has changed

    @scenario:button-pressed-twice
    Scenario: Pressing the button again deletes nothing more
      Not on api, cli, cli-embedded: this is about the pages of the web UI.
      Given "my-training-data" has versions 1, 2 and 3
      When I am asked in two windows whether to delete version 1 of "my-training-data"
      And I press the button in both
      Then the second one tells that it was already deleted, when and by whom
      And "my-training-data" has versions 2 and 3

  @rule:no-default-version
  Rule: Nothing in deletion has a default version
    Why: "latest" means another version tomorrow, and a wrong guess cannot be undone.

    @scenario:no-word-for-a-version
    Scenario Outline: "<word>" is no version
      Given "my-training-data" has versions 1 and 2
      When I ask to delete version "<word>" of "my-training-data"
      Then it is refused
      And nothing has changed

      Examples:
        | word                 |
        | latest               |
        | all                  |
        | *                    |
        | 0                    |
        | 01                   |
        | -1                   |
        | 1.0                  |
        | 99999999999999999999 |

  @rule:delete-unknown
  Rule: A version that never existed and one that is already deleted are told apart, and neither changes anything
    Why: the first is a mistake in the name or number; the second says that somebody was faster, when, and who.

    @scenario:never-existed
    Scenario: A version that never existed
      Given "my-training-data" has versions 1 and 2
      When I delete version 9 of "my-training-data"
      Then it is refused
      And I am told "There is no version"
      And nothing has changed

    @scenario:name-never-existed
    Scenario: A name that never existed
      Given "my-training-data" has version 1
      When I delete version 1 of "my-other-data"
      Then it is refused
      And I am told "There is no version"
      And nothing has changed

    @scenario:already-deleted
    Scenario: A version that is already deleted
      Given "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" was deleted
      When I delete version 1 of "my-training-data"
      Then it is refused
      And I am told that it was already deleted, when and by whom
      And I am told how to create it again
      And nothing has changed
