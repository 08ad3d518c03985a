Feature: The quota
  Storage is free here, and limited by the number of versions.

  @rule:quota-limit
  Rule: A user has at most 50 versions, or the number that the operator sets, all names counted together
    Why: nobody fills the storage that all share. Uploads in progress take a place; failed ones do not.

    @scenario:fifty-by-default
    Scenario: The limit is 50 when nobody sets another one
      When I ask for my quota
      Then I may have 50 versions

    @scenario:over-the-quota
    Scenario: One version too many is refused, and the refusal says how to make room
      Given the operator allows 3 versions
      And "my-training-data" has versions 1 and 2
      And "my-test-data" has version 1
      And version 1 of "my-training-data" was used after all others
      And version 2 of "my-training-data" is mounted into the Session "tuning"
      When I try to upload the raw penguin data to "my-training-data"
      Then it is refused
      And I am told to delete version 1 of "my-test-data", or else version 1 of "my-training-data"
      And nothing has changed

    @scenario:upload-takes-a-place
    Scenario: An upload in progress takes a place
      Not on cli-embedded: an upload there is one command, which finishes or can go on.
      Given the operator allows 2 versions
      And "my-training-data" has version 1
      And an upload to "my-training-data" is under way
      When I try to upload the raw penguin data to "my-training-data"
      Then it is refused

    @scenario:failed-takes-no-place
    Scenario: A failed upload takes no place
      Given the operator allows 2 versions
      And "my-training-data" has version 1
      And an upload to "my-training-data" failed
      When I upload the raw penguin data to "my-training-data"
      Then version 3 of "my-training-data" is available

  @rule:quota-freed
  Rule: Deleting a version frees its place at once
    Why: the reason to delete is often the next upload.

    @scenario:room-again
    Scenario: After a deletion there is room for one more
      Given the operator allows 2 versions
      And "my-training-data" has versions 1 and 2
      When I delete version 1 of "my-training-data"
      And I upload the raw penguin data to "my-training-data"
      Then "my-training-data" has versions 2 and 3

    @scenario:refused-frees-nothing
    Scenario: A refused deletion frees nothing
      Given the operator allows 2 versions
      And "my-training-data" has versions 1 and 2
      And version 1 of "my-training-data" is mounted into the Session "tuning"
      When I delete version 1 of "my-training-data"
      Then it is refused
      When I try to upload the raw penguin data to "my-training-data"
      Then it is refused
