Feature: Interrupted uploads
  Large data takes long to upload, and networks, laptops and servers stop when they like.

  @rule:upload-resumed
  Rule: An interrupted upload resumes where it stopped; an abandoned one expires and leaves no bytes
    Why: nobody sends the same gigabytes twice, and nobody's half-sent data takes up room for ever.

    @scenario:client-killed
    Scenario: The client is killed in the middle
      Not on api, ui: a client of the API sends the missing parts again, a browser all; this is about the command line.
      Given a folder with three large files
      And an upload of it to "field-notes" that is killed when two of them have arrived
      When I resume the upload
      Then I am told that two of the files were there already
      And version 1 of "field-notes" is byte for byte what was uploaded

    @scenario:ctrl-c
    Scenario: Ctrl-C in the middle
      Not on api, ui: a client of the API sends the missing parts again, a browser all; this is about the command line.
      Given a folder with three large files
      And an upload of it to "field-notes" that is interrupted when two of them have arrived
      When I resume the upload
      Then I am told that two of the files were there already
      And version 1 of "field-notes" is byte for byte what was uploaded

    @scenario:server-restarted
    Scenario: The server is restarted in the middle
      Not on api, ui: a client of the API sends the missing parts again, a browser all; this is about the command line.
      Not on cli-embedded: there is no server.
      Given a folder with three large files
      And an upload of it to "field-notes" during which the server is restarted when two of them have arrived
      When I resume the upload
      Then I am told that two of the files were there already
      And version 1 of "field-notes" is byte for byte what was uploaded

    @scenario:changed-meanwhile
    Scenario: A file that changed meanwhile is noticed
      Not on api, ui: a client of the API sends the missing parts again, a browser all; this is about the command line.
      Given a folder with three large files
      And an upload of it to "field-notes" that is interrupted when two of them have arrived
      And one of the files has changed
      When I try to resume the upload
      Then it is refused
      And I am told "has changed"
      And version 1 of "field-notes" is not available

    @scenario:content-changed-meanwhile
    Scenario: A file that has arrived and whose content changed is noticed, even if its size and time did not
      Not on api, ui: a client of the API sends the missing parts again, a browser all; this is about the command line.
      Given a folder with three large files
      And an upload of it to "field-notes" that is interrupted when two of them have arrived
      And the content of one of these two has changed, and neither its size nor its time
      When I try to resume the upload
      Then it is refused
      And I am told "has changed"
      And version 1 of "field-notes" is not available

    @scenario:forgotten
    Scenario: An interrupted upload can be forgotten
      Not on api, ui: a client of the API sends the missing parts again, a browser all; this is about the command line.
      Given a folder with three large files
      And an upload of it to "field-notes" that is interrupted when two of them have arrived
      When I forget interrupted uploads
      And I try to resume the upload
      Then I am told "no interrupted upload"
      And no byte of version 1 of "field-notes" is left in storage

    @scenario:abandoned
    Scenario: An abandoned upload expires
      Not on ui: a browser that is closed leaves what a client of the API leaves.
      Given the operator lets uploads expire after 5 seconds
      And a folder with three large files
      And an upload of it to "field-notes" that is interrupted when two of them have arrived
      When nobody goes on with the upload in time
      Then version 1 of "field-notes" has failed
      And no byte of version 1 of "field-notes" is left in storage
