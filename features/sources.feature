Feature: Where data comes from
  A version is made from files on your machine, from an archive on the web, or from a bucket.

  @rule:source-kinds
  Rule: A version is made from local files or a folder, an archive at an HTTP(S) address, or the objects of a bucket
    Why: the data is where it is, and nobody wants to download it only to upload it again. An archive (.zip, .tar.gz)
    is fetched and extracted by the server; the objects of a bucket are copied, or only referenced.

    @scenario:from-archive
    Scenario Outline: An archive is fetched and extracted
      Given an archive of the penguin data at "penguins<suffix>" of a web server
      When I create a version of the archive in "my-training-data"
      Then it is done
      And version 1 of "my-training-data" is byte for byte what is in the archive

      Examples:
        | suffix  |
        | .zip    |
        | .tar.gz |

    @scenario:archive-attributes
    Scenario Outline: An archive keeps its times, executable files and empty folders
      Given an archive of a folder with a program, an old file and an empty folder at "field-notes<suffix>" of a web server
      When I create a version of the archive in "field-notes"
      Then version 1 of "field-notes" comes back with its program, its times and its empty folder

      Examples:
        | suffix  |
        | .zip    |
        | .tar.gz |

    @scenario:unusual-archive
    Scenario Outline: <archive> is extracted, too
      Given <archive> at "field-notes.<suffix>" of a web server
      When I create a version of the archive in "field-notes"
      Then version 1 of "field-notes" is byte for byte what is in the archive

      Examples:
        | archive                           | suffix |
        | An archive of a file of zeros     | zip    |
        | An archive of a sparse file       | tar.gz |
        | An archive with a hard link       | tar.gz |

    @scenario:names-guessed
    Scenario: The history names the encoding that was guessed for the names in a zip
      Given an archive from a Japanese Windows at "field-notes.zip" of a web server
      When I create a version of the archive in "field-notes"
      Then version 1 of "field-notes" is byte for byte what is in the archive
      And the history of version 1 of "field-notes" says that the names were read as "cp932"

    @scenario:from-bucket
    Scenario: The objects of a bucket are copied
      Given the penguin data in a bucket
      When I create a version of the bucket in "my-training-data"
      And the bucket is emptied
      Then version 1 of "my-training-data" is byte for byte what was in the bucket

    @scenario:one-object
    Scenario: One object of a bucket is copied
      Given the penguin data in a bucket
      When I create a version of one object of the bucket in "my-training-data"
      Then version 1 of "my-training-data" is that object, byte for byte

    @scenario:from-bucket-by-reference
    Scenario: The objects of a bucket are referenced
      Given the penguin data in a bucket
      When I create a version in "my-training-data" that only refers to the bucket
      Then version 1 of "my-training-data" is byte for byte what was in the bucket
      When I delete version 1 of "my-training-data"
      Then it is done
      And the bucket still holds the penguin data

    @scenario:hostile-archive
    Scenario Outline: A hostile or broken archive makes a version that has failed and leaves no bytes
      Given <archive> at "data.tar.gz" of a web server
      When I create a version of the archive in "my-training-data"
      Then it is refused
      And I am told "<why>"
      And version 1 of "my-training-data" has failed
      And no byte of version 1 of "my-training-data" is left in storage

      Examples:
        | archive                                      | why       |
        | an archive with a path that leads out of it  | ..        |
        | an archive with a symbolic link              | link      |
        | an archive that is cut off                   | truncated |
        | an archive with a name that no disk takes    | too long  |
        | a web page                                   | archive   |

    @scenario:hostile-address
    Scenario: An address inside the server's own network is refused
      Given a web server inside the network that the operator has not allowed
      When I create a version of its archive in "my-training-data"
      Then it is refused
      And I am told "not a public address"
      And "my-training-data" has no versions

  @rule:source-name
  Rule: Without a name the datastore is called after the last part of the source, in lower case, without its suffix
    Why: most of the time that is what one would have typed.
    Not on api: a name is always told there.

    @scenario:named-after-source
    Scenario Outline: <source> becomes <name>
      Given a folder or file "<source>"
      When I upload "<source>" without a name
      Then "<name>" has version 1

      Examples:
        | source            | name       |
        | My Notes          | my-notes   |
        | birds.csv         | birds      |
        | PENGUINS.tar.gz   | penguins   |
        | whales.csv.gz     | whales     |
        | seals.safetensors | seals      |

  @rule:source-shown
  Rule: The source of a version is shown: the path, address or bucket it came from, and how
    Why: who finds an old version wants to know what it is before deleting it. For a reference it is said that deleting
    removes the reference and leaves the bucket alone.

    @scenario:path-shown
    Scenario: The path of local files is shown
      Not on ui: a browser tells the names of files and folders, and keeps to itself where they lie.
      When I upload the raw penguin data to "my-training-data"
      Then version 1 of "my-training-data" shows the folder that it came from

    @scenario:address-shown
    Scenario: The address of an archive is shown
      Given an archive of the penguin data at "penguins.zip" of a web server
      When I create a version of the archive in "my-training-data"
      Then version 1 of "my-training-data" shows the address that it came from
      And its files are listed with their sizes

    @scenario:shown-to-programs
    Scenario: Programs read the source, the files and the versions, too
      Not on api, ui: all answers of the API are for programs, and the web UI is for people.
      Given "my-training-data" has versions 1 and 2
      Then a program can read which versions of "my-training-data" there are
      And a program can read where version 1 of "my-training-data" came from
      And a program can read which files version 1 of "my-training-data" holds

    @scenario:secret-not-shown
    Scenario: A key in an address is not kept after the fetch
      Given an archive of the penguin data at "penguins.zip" of a web server, behind a key in its address
      When I create a version of the archive in "my-training-data"
      Then version 1 of "my-training-data" shows the address without the key
      And the history of version 1 of "my-training-data" does not hold the key

    @scenario:reference-shown
    Scenario: A reference is shown as one
      Given the penguin data in a bucket
      When I create a version in "my-training-data" that only refers to the bucket
      Then version 1 of "my-training-data" shows the bucket that it refers to
      When I delete version 1 of "my-training-data"
      Then I am told that the bucket was left alone
