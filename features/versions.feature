Feature: Versions
  A datastore is a name under which versions are kept. Each upload makes a version of its own, so that an experiment
  can go back to exactly the data it was made with.

  @rule:version-per-upload
  Rule: Every upload under a name makes a new version, counted 1, 2, 3 and so on
    Why: nobody overwrites anybody's data by using a name again.

    @scenario:uploads-are-counted
    Scenario: Four uploads under one name make versions 1 to 4
      When I upload the penguin data to "my-training-data" in its four variations
      Then "my-training-data" has versions 1, 2, 3 and 4
      And each version holds its own variation

    @scenario:names-count-for-themselves
    Scenario: Each name has its own count
      Given "my-training-data" has versions 1 and 2
      When I upload the raw penguin data to "my-test-data"
      Then "my-test-data" has version 1

    @scenario:same-data-new-version
    Scenario: The same data uploaded again is a new version
      Given "my-training-data" has version 1
      When I upload the same data to "my-training-data" again
      Then "my-training-data" has versions 1 and 2

  @rule:version-number-unused
  Rule: A number is never used twice under a name
    Why: a note that says "trained on version 3" must mean one thing for ever.

    @scenario:newest-number-not-reused
    Scenario: The number of a deleted newest version is not used again
      Given "my-training-data" has versions 1, 2 and 3
      And version 3 of "my-training-data" was deleted
      When I upload the raw penguin data to "my-training-data"
      Then "my-training-data" has versions 1, 2 and 4

    @scenario:only-number-not-reused
    Scenario: The count goes on after the last version is deleted
      Given "my-training-data" has version 1
      And version 1 of "my-training-data" was deleted
      When I upload the raw penguin data to "my-training-data"
      Then "my-training-data" has version 2

    @scenario:failed-number-not-reused
    Scenario: The number of a failed upload is not used again
      Given "my-training-data" has version 1
      And an upload to "my-training-data" failed
      When I upload the raw penguin data to "my-training-data"
      Then version 3 of "my-training-data" is available
      And version 1 of "my-training-data" is byte for byte what was uploaded

    @scenario:abandoned-number-not-reused
    Scenario: The number of an abandoned upload is not used again
      Not on cli-embedded: an upload there is one command, which finishes or can go on.
      Given "my-training-data" has version 1
      And an upload to "my-training-data" is abandoned as version 2
      When I upload the raw penguin data to "my-training-data"
      Then version 3 of "my-training-data" is available
      And version 1 of "my-training-data" is byte for byte what was uploaded

    @scenario:concurrent-numbers-differ
    Scenario: Uploads at the same moment get different numbers
      When I upload the raw penguin data to "my-training-data" 5 times at the same moment
      Then "my-training-data" has versions 1, 2, 3, 4 and 5

  @rule:version-complete
  Rule: A version holds every file that was uploaded, byte for byte, and nothing of another version; from a folder that grid uploads and from an archive it also keeps times, executable files and empty folders
    Why: what is trained on a version is trained on all of it, and on nothing else. A program in it still runs.

    @scenario:every-file-byte-for-byte
    Scenario: Every file of a folder comes back with its content
      Given a folder with files in folders, an empty file, a large file and names in other alphabets
      When I upload the folder to "field-notes"
      Then version 1 of "field-notes" is byte for byte what was uploaded
      And its files are listed with their sizes

    @scenario:behind-a-proxy
    Scenario: Every file of a folder comes back with its content, through a proxy that speaks TLS
      Not on cli-embedded: there is no server.
      Given the server stands behind a proxy that speaks TLS
      And a folder with files in folders, an empty file, a large file and names in other alphabets
      When I upload the folder to "field-notes"
      Then version 1 of "field-notes" is byte for byte what was uploaded

    @scenario:attributes-kept
    Scenario: Times, executable files and empty folders come back
      Not on api, ui: a client of Grid's API and a browser send the names and contents of files, and no more.
      Given a folder with a program, an old file and an empty folder
      When I upload the folder to "field-notes"
      Then version 1 of "field-notes" comes back with its program, its times and its empty folder

    @scenario:program-runs
    Scenario: A Run can execute a program of the version
      Not on api, ui: there, a Run is recorded; `grid run` runs a command.
      Given a folder with a program, an old file and an empty folder
      When I upload the folder to "field-notes"
      And I run the program of version 1 of "field-notes" as the Run "survey"
      Then it is done
      And the program has run

    @scenario:link-refused
    Scenario: A folder with a symbolic link is refused
      Not on api, ui: there, a program or the browser reads the folder.
      Given a folder with a symbolic link in it
      When I try to upload the folder to "field-notes"
      Then it is refused
      And I am told "is a symbolic link"
      And "field-notes" has no versions

    @scenario:downloaded-apart
    Scenario: A download makes a folder of its own, and leaves one that is there alone
      Not on api, ui: there, a program or the browser says where it goes.
      Given "my-training-data" has versions 1 and 2
      When I download version 2 of "my-training-data"
      Then it is done
      When I download version 2 of "my-training-data"
      Then it is refused
      And I am told "already exists"
      And the folder that I downloaded first holds version 2 of "my-training-data", byte for byte

    @scenario:nothing-of-another-version
    Scenario: A version holds nothing of the version before it
      Given "my-training-data" has version 1
      When I upload a folder with other files to "my-training-data"
      Then version 2 of "my-training-data" is byte for byte what was uploaded

  @rule:version-immutable
  Rule: Nothing changes a finished version; a new upload is a new version
    Why: a result can be checked against the data it came from only if that data stays.

    @scenario:upload-leaves-others-alone
    Scenario: A new upload leaves the versions before it as they were
      Given "my-training-data" has versions 1 and 2
      When I upload the raw penguin data to "my-training-data"
      Then version 1 of "my-training-data" is byte for byte what was uploaded
      And version 2 of "my-training-data" is byte for byte what was uploaded

    @scenario:late-data-refused
    Scenario: Data that arrives after a version is finished is refused
      Not on cli, ui, cli-embedded: no command or page can send data to a version that is finished.
      Given "my-training-data" has version 1
      When I send more data to version 1 of "my-training-data"
      Then it is refused
      And I am told "cannot be changed"
      And version 1 of "my-training-data" is byte for byte what was uploaded

    @scenario:source-may-change
    Scenario: Changing or removing the files that were uploaded does not change the version
      Given a folder with files in folders, an empty file, a large file and names in other alphabets
      And I uploaded the folder to "field-notes"
      When I change and remove the files in the folder
      Then version 1 of "field-notes" is byte for byte what was uploaded

  @rule:version-independent
  Rule: Deleting any or all other versions leaves a version byte for byte the same
    Why: it is safe to clean up. A version shares no data with another one.

    @scenario:others-deleted
    Scenario Outline: Version 2 stays the same when <deleted> of its siblings are deleted
      Given "my-training-data" has versions 1, 2, 3 and 4
      When I delete <deleted> of "my-training-data"
      Then version 2 of "my-training-data" is byte for byte what was uploaded
      And its fingerprint is what it was

      Examples:
        | deleted            |
        | version 1          |
        | version 3          |
        | versions 1, 3 and 4 |

    @scenario:same-data-deleted
    Scenario: Deleting a version leaves another one with the same data alone
      Given "my-training-data" has version 1
      And I uploaded the same data to "my-training-data" again
      When I delete version 1 of "my-training-data"
      Then version 2 of "my-training-data" is byte for byte what was uploaded
